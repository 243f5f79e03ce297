//! Where the tool finds region, credentials, tables and queues.

use std::collections::BTreeSet;
use std::path::Path;

use tempfile::TempDir;

use crate::fake_aws::FakeAws;
use crate::support::{Ended, Gateway, id, run};

/// A home directory with a configuration of AWS.
fn home(config: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the program with some variables of `vars` and these.
async fn run_with(arguments: &[&str], vars: &[(&str, &str)], more: &[(&str, &str)]) -> Ended {
    let credentials = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
    let kept = vars.iter().filter(|(name, _)| !credentials.contains(name));
    let all: Vec<_> = kept.chain(more).copied().collect();
    run(arguments, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_queues_are_found_in_the_stack() {
    let (gateway, purchase) = Gateway::with_review().await;
    let aws = FakeAws::of(&gateway).await;
    let vars = aws.vars();
    let show = ["--stack", "telco", "--json", "purchase", "show", id(&purchase)];
    assert_eq!(run(&show, &vars).await.json()["state"], "needs_review");
    // The queue of announcements is found, too, and a call that fails is repeated.
    aws.deployment().fails = 2;
    let by_variable = [&vars[..], &[("TELCO_GATEWAY_STACK", "telco")]].concat();
    let reason = ["--to", "failed", "--reason", "r"];
    let settle = [&["purchase", "settle", id(&purchase)][..], &reason].concat();
    run(&settle, &by_variable).await.ok();
    assert_eq!(gateway.api(id(&purchase)).await["state"], "failed");

    aws.deployment().fails = 3;
    let message = run(&show, &vars).await.refused(3);
    assert!(message.contains("cloudformation ListStackResources: 503"), "{message}");
    let other = ["--stack", "other", "purchase", "show", "x"];
    let message = run(&other, &vars).await.refused(2);
    assert!(message.contains("there is no stack \"other\""), "{message}");
    let is_missing = ["--stack", "telco", "purchase", "show", "x"];
    aws.deployment().resources.remove("PurchasesTable");
    let message = run(&is_missing, &vars).await.refused(2);
    assert!(message.contains("PURCHASES_TABLE (or --table, or --stack)"), "{message}");
    for empty in ["", " ", "a b"] {
        assert_eq!(run(&["--stack", empty, "purchase", "show", "x"], &vars).await.code, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_by_argument_comes_first_and_a_variable_of_another_deployment_is_refused() {
    let (gateway, purchase) = Gateway::with_review().await;
    let aws = FakeAws::of(&gateway).await;
    let stale = [&aws.vars()[..], &[("PURCHASES_TABLE", "another")]].concat();
    let show = ["--stack", "telco", "purchase", "show", id(&purchase)];
    let message = run(&show, &stale).await.refused(2);
    assert!(message.contains("PURCHASES_TABLE in the environment is not the one of the stack"));
    run(&[&show[..], &["--table", "PurchasesTable"]].concat(), &stale).await.ok();
    let same = [&aws.vars()[..], &[("PURCHASES_TABLE", "PurchasesTable")]].concat();
    run(&show, &same).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_argument_decides_between_the_sandbox_and_aws() {
    let (gateway, purchase) = Gateway::with_review().await;
    let aws = FakeAws::of(&gateway).await;
    let vars = aws.vars();
    let show = ["purchase", "show", id(&purchase)];
    let sandbox = ("TELCO_GATEWAY_SANDBOX", gateway.url());
    let nowhere = ("TELCO_GATEWAY_SANDBOX", "http://127.0.0.1:1");
    // The sandbox by argument; a stack by variable is left alone.
    let stack = ("TELCO_GATEWAY_STACK", "other");
    run(&[&["--sandbox", gateway.url()][..], &show].concat(), &[stack]).await.ok();
    run(&show, &[stack, sandbox]).await.ok();
    assert!(aws.deployment().calls.is_empty());
    // The stack by argument, before or behind the command.
    let with_sandbox = [&vars[..], &[nowhere]].concat();
    run(&[&["--stack", "telco"][..], &show].concat(), &with_sandbox).await.ok();
    run(&[&show[..], &["--stack", "telco"]].concat(), &with_sandbox).await.ok();
    assert!(!aws.deployment().calls.is_empty());
    let both = ["--sandbox", gateway.url(), "--stack", "telco"];
    let message = run(&[&both[..], &show].concat(), &vars).await.refused(2);
    assert!(message.contains("--sandbox is not AWS"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_and_the_region_come_from_a_profile() {
    let (gateway, purchase) = Gateway::with_review().await;
    let aws = FakeAws::of(&gateway).await;
    let vars = aws.vars();
    let home = home(
        "[default]\nregion = eu-west-2\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = s\n\
         [profile other]\nregion = eu-west-3\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s\n\
         [profile process]\nregion = eu-west-3\ncredential_process = echo {\\\"Version\\\":1,\
         \\\"AccessKeyId\\\":\\\"AKIAPROCESS\\\",\\\"SecretAccessKey\\\":\\\"s\\\"}\n",
    );
    let home = ("HOME", text(home.path()));
    let show = ["--stack", "telco", "purchase", "show", id(&purchase)];
    let used = async |arguments: &[&str], more: &[(&str, &str)]| {
        let all = [&show[..], arguments].concat();
        run_with(&all, &vars, &[&[home][..], more].concat()).await.ok();
        let calls = std::mem::take(&mut aws.deployment().calls);
        let services: BTreeSet<_> = calls.iter().map(|(service, ..)| service.as_str()).collect();
        assert_eq!(services, ["cloudformation", "dynamodb"].into());
        let used: BTreeSet<_> = calls.iter().map(|(_, key, at)| format!("{key} {at}")).collect();
        let used: Vec<_> = used.into_iter().collect();
        assert_eq!(used.len(), 1, "{used:?}");
        used[0].clone()
    };
    assert_eq!(used(&[], &[]).await, "AKIADEFAULT eu-west-2");
    assert_eq!(used(&[], &[("AWS_PROFILE", "other")]).await, "AKIAOTHER eu-west-3");
    assert_eq!(used(&["--profile", "other"], &[]).await, "AKIAOTHER eu-west-3");
    assert_eq!(used(&["--profile", "process"], &[]).await, "AKIAPROCESS eu-west-3");
    assert_eq!(used(&["--region", "af-south-1"], &[]).await, "AKIADEFAULT af-south-1");
    // The environment comes before a profile, unless the profile is asked for by argument.
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert_eq!(used(&[], &keys).await, "AKIAENV eu-west-2");
    assert_eq!(used(&["--profile", "other"], &keys).await, "AKIAOTHER eu-west-3");
    let region = [("AWS_REGION", "eu-central-1")];
    assert_eq!(used(&["--profile", "other"], &region).await, "AKIAOTHER eu-central-1");
    assert_eq!(used(&["--profile", "other", "--region", "r"], &region).await, "AKIAOTHER r");

    let unknown = ["--profile", "unknown", "purchase", "show", "x", "--table", "t"];
    let message = run_with(&unknown, &vars, &[home, region[0], keys[0], keys[1]]).await.refused(2);
    assert!(message.contains("credentials of the profile unknown"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_single_sign_on() {
    let (gateway, purchase) = Gateway::with_review().await;
    let aws = FakeAws::of(&gateway).await;
    let vars = aws.vars();
    let home = home(
        "[profile sso]\nregion = eu-west-1\nsso_session = work\nsso_account_id = 111122223333\n\
         sso_role_name = operator\n[sso-session work]\nsso_region = eu-west-1\n\
         sso_start_url = https://example.awsapps.com/start\n",
    );
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    // The SHA-1 of the session's name.
    let file = "e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json";
    let token = "{\"accessToken\":\"sso-token\",\"expiresAt\":\"2099-01-01T00:00:00Z\"}";
    std::fs::write(cache.join(file), token).unwrap();
    let more = [("HOME", text(home.path()))];
    let show = ["--stack", "telco", "--profile", "sso", "purchase", "show", id(&purchase)];
    run_with(&show, &vars, &more).await.ok();
    let (_, key, _) = aws.deployment().calls.pop().unwrap();
    assert_eq!(key, "AKIASSO");

    // Without a login it says so, in one line, without the token.
    std::fs::write(cache.join(file), token.replace("2099", "2020")).unwrap();
    let message = run_with(&show, &vars, &more).await.refused(2);
    assert!(message.contains("credentials of the profile sso"), "{message}");
    assert!(!message.contains("sso-token"), "{message}");
}

#[test]
fn no_function_depends_on_the_search_for_credentials() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let functions = std::fs::read_dir(root.join("functions")).unwrap();
    let mut packages: Vec<_> = functions.map(|entry| entry.unwrap().path()).collect();
    packages.push(root.join("shared"));
    assert!(packages.len() > 16, "{packages:?}");
    for package in packages {
        let manifest = std::fs::read_to_string(package.join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("aws-config"), "{}", package.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_finds_what_it_works_on_in_the_stack() {
    let gateway = Gateway::start().await;
    let aws = FakeAws::of(&gateway).await;
    let none = "0".repeat(32);
    let today = ["disclosures", "--tenant", "acme", "--from", "2026-11-29"];
    for (code, command) in [
        (0, &["tenant", "list"][..]),
        (0, &["guard", "list"]),
        (1, &["wallet", "show"]),
        (1, &["report", "2026-11-01"]),
        (0, &["events", "list", "acme"]),
        (1, &["request", "show", &none]),
        (0, &["webhook", "list", "acme"]),
        (1, &today),
        (0, &["account", "show", "--tenant", "acme", "--all"]),
        (0, &["account", "check", "ID"]),
        (0, &["purchase", "list"]),
        (0, &["purchase", "ask", "--waiting"]),
        (0, &["dead-letters", "list"]),
    ] {
        let ended = run(&[&["--stack", "telco"][..], command].concat(), &aws.vars()).await;
        assert_eq!(ended.code, code, "{command:?}: {ended:?}");
    }
}
