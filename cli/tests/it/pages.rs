//! `completions`, `man`, and the help of every command.

use crate::support::run;

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell], &[]).await.ok();
        for word in ["telco-gateway", "dead-letters", "redrive", "--stack"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell} lacks {word}");
        }
    }
    assert_eq!(run(&["completions", "dos"], &[]).await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_manual_page_for_each_command() {
    let page = run(&["man"], &[]).await.ok();
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("Exit codes") && page.contains("TELCO_GATEWAY_STACK"), "{page}");
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().to_str().unwrap();
    run(&["man", "--to", to], &[]).await.ok();
    let written = std::fs::read_dir(directory.path()).unwrap();
    let written: Vec<_> =
        written.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["telco-gateway.1", "telco-gateway-doctor.1", "telco-gateway-purchase-ask.1"] {
        assert!(written.iter().any(|it| it == name), "{written:?}");
    }
    let message = run(&["man", "--to", "/nonexistent/there"], &[]).await.refused(1);
    assert!(message.contains("cannot be written"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_help_of_every_command_has_examples() {
    let help = run(&["--help"], &[("NO_COLOR", "1")]).await.ok();
    let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands = commands.lines().filter_map(|line| line.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() >= 14, "{commands:?}");
    for command in commands {
        let help = run(&[command, "--help"], &[]).await.ok();
        assert!(!help.contains('\u{1b}'), "no colours without a terminal: {help}");
        if command != "request" {
            let example = format!("\n  telco-gateway {command}");
            let stack = format!("telco-gateway --stack telco {command}");
            assert!(help.contains(&example) || help.contains(&stack), "{command}: {help}");
        }
        // What the tool needs of AWS is said of the tool or of the command.
        assert!(help.contains("--stack") && help.contains("--profile"), "{help}");
    }
}
