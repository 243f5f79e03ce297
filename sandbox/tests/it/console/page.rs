//! The page itself: its files are served from the binary, load nothing else, and show text as text.

use std::collections::{BTreeMap, BTreeSet};

use shared::platform::http::Http;

use crate::support::Gateway;

const POLICY: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";

struct File {
    kind: String,
    text: String,
}

/// The page with every file that it loads, by path.
async fn files(gateway: &Gateway) -> BTreeMap<String, File> {
    let (mut found, mut open) = (BTreeMap::new(), vec!["/_sandbox".to_owned()]);
    while let Some(path) = open.pop() {
        if found.contains_key(&path) {
            continue;
        }
        let url = format!("{}{path}", gateway.sandbox.base_url);
        let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
        let answer = Http::new().send(request, std::time::Duration::from_secs(10)).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-security-policy"), POLICY, "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        let file =
            File { kind: header("content-type"), text: String::from_utf8(answer.body).unwrap() };
        open.extend(loaded(&path, &file));
        found.insert(path, file);
    }
    found
}

/// The paths that a file names: `src` and `href` of the page, imports of a module.
fn loaded(path: &str, file: &File) -> Vec<String> {
    let after = |mark: &'static str| {
        file.text.split(mark).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
    };
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "" => after("src=\"").chain(after("href=\"")).filter(|it| !it.starts_with('#')).collect(),
        "js" => after(" from \"./").map(|name| format!("/_sandbox/page/{name}")).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn each_file_that_the_page_loads_is_served_with_its_type_and_a_strict_policy() {
    let gateway = Gateway::start().await;
    let files = files(&gateway).await;
    for (path, file) in &files {
        let kind = match path.rsplit_once('.').map_or("", |(_, end)| end) {
            "" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        assert_eq!(file.kind, kind, "{path}");
        assert!(file.text.lines().count() < 400, "{path}");
    }
    let caller = gateway.caller();
    assert_eq!(caller.to_console("GET", "", "").await.status, 308, "a slash too many");
    assert_eq!(caller.to_console("GET", "page/none.js", "").await.status, 404);
    // No file is left behind in the binary, either.
    let directory = format!("{}/src/console/page", env!("CARGO_MANIFEST_DIR"));
    let written = std::fs::read_dir(directory).unwrap();
    let written = written.map(|it| it.unwrap().file_name().into_string().unwrap());
    // The page of the contract is another one.
    let is_of_this_page = |name: &String| name != "index.html" && !name.starts_with("docs.");
    let written: BTreeSet<String> = written.filter(is_of_this_page).collect();
    let served = files.keys().filter_map(|path| path.strip_prefix("/_sandbox/page/"));
    assert_eq!(served.map(str::to_owned).collect::<BTreeSet<_>>(), written);
    assert!(written.len() > 10);
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_reads_no_text_as_html() {
    let gateway = Gateway::start().await;
    for (path, file) in files(&gateway).await {
        let text = file.text.replace("http://www.w3.org/2000/svg", "");
        let of_css = [" url(", "@import"].iter().filter(|_| file.kind.starts_with("text/css"));
        for elsewhere in ["http://", "https://", "\"//"].iter().chain(of_css) {
            assert!(!text.contains(elsewhere), "{path} names {elsewhere}");
        }
        for reader in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "srcdoc",
            "eval(",
            "new Function",
            "javascript:",
        ] {
            assert!(!text.contains(reader), "{path} uses {reader}");
        }
        if path == "/_sandbox" {
            for inline in ["<style", "style=", " onclick", " onload", "<script>"] {
                assert!(!text.contains(inline), "{path} has {inline}");
            }
        }
    }
}

#[tokio::test]
async fn each_name_that_a_module_imports_is_exported_there() {
    let gateway = Gateway::start().await;
    let files = files(&gateway).await;
    let mut imports = 0;
    for (path, file) in &files {
        for line in file.text.lines().filter(|line| line.starts_with("import {")) {
            let (names, from) = line.split_once("} from \"./").unwrap();
            let source = &files[&format!("/_sandbox/page/{}", from.trim_end_matches("\";"))].text;
            for name in names.trim_start_matches("import {").split(',').map(str::trim) {
                let name = name.split(" as ").next().unwrap();
                let forms = ["function ", "async function ", "const "];
                let is_exported = |form: &&str| {
                    let start = format!("export {form}{name}");
                    source.split(&start).skip(1).any(|rest| rest.starts_with([' ', '(', ';']))
                };
                assert!(forms.iter().any(is_exported), "{path}: {name} of {from}");
                imports += 1;
            }
        }
    }
    assert!(imports > 50, "{imports}");
}
