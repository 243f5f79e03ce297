//! The template is within the limits of CloudFormation.

use std::collections::BTreeMap;

use sandbox::template::{SandboxDeployment, Template};

/// The lines of a section that declare something in it.
fn declared(section: &str) -> usize {
    let text = sandbox::TEMPLATE;
    let from = text.find(&format!("\n{section}:\n")).expect(section) + section.len() + 3;
    let lines = text[from..].lines();
    let lines = lines.take_while(|it| it.is_empty() || it.starts_with(' ') || it.starts_with('#'));
    lines.filter(|it| it.starts_with("  ") && it.as_bytes()[2].is_ascii_alphabetic()).count()
}

#[test]
fn the_template_is_within_the_limits_of_cloudformation() {
    // `sam deploy` uploads the template to S3. The limit is 1 MB, also for what SAM makes of it, which is
    // half as much again.
    assert!(sandbox::TEMPLATE.len() < 500_000);
    let parameters = declared("Parameters");
    assert!((40..200).contains(&parameters), "{parameters}");
    // SAM adds a role for each function, a permission for each route, a mapping for each queue that is
    // read, and a stage.
    let template = Template::load(sandbox::TEMPLATE, &BTreeMap::new()).unwrap();
    let here = SandboxDeployment { sqs_url: String::new() };
    let functions = template.resources("AWS::Serverless::Function").unwrap();
    let events: usize = functions
        .iter()
        .map(|it| template.property(it, "Events", &here).unwrap())
        .map(|events| events.as_object().map_or(0, serde_json::Map::len))
        .sum();
    let resources = declared("Resources") + functions.len() + events + 2;
    assert!((150..450).contains(&resources), "{resources}");
}
