//! The real process: what it prints and logs, how it stops, and what survives a kill.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::purchases::{airtime, until};
use crate::support::watchdog::Watchdog;
use crate::support::{Caller, Provider, Script, agreeable_mono, mono_at};

const PHONE: &str = "07082109281";
const KEY: &str = "test_sk_of_the_process";

/// A running sandbox process.
struct Process {
    child: Child,
    printed: Receiver<String>,
    log: JoinHandle<String>,
    caller: Caller,
    _watchdog: Watchdog,
}

fn command(port: &str, data_dir: Option<&Path>, vars: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command
        .args(["--port", port, "--json"])
        .env_clear()
        .env("SANDBOX_KEYS", KEY)
        .envs(vars.to_vec());
    if let Some(dir) = data_dir {
        command.arg("--data-dir").arg(dir);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Process {
    fn start(data_dir: Option<&Path>, vars: &[(&str, &str)]) -> Self {
        let watchdog = Watchdog::new();
        let mut child = command("0", data_dir, vars).spawn().unwrap();
        let (sender, printed) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        // Read at once: a full pipe would block the process.
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            let _ = stderr.read_to_string(&mut log);
            log
        });
        let line = printed.recv_timeout(Duration::from_secs(20)).expect("the sandbox starts");
        let ready: Value = serde_json::from_str(&line).expect("the first line is JSON");
        assert_eq!((&ready["ready"], &ready["keys"]), (&json!(true), &json!([KEY])));
        let caller = Caller::new(ready["url"].as_str().unwrap(), KEY);
        Self { child, printed, log, caller, _watchdog: watchdog }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM. Gives whether it ended well, and what it logged.
    async fn terminate(mut self) -> (bool, String) {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let end = move || (self.child.wait().unwrap().success(), self.log.join().unwrap());
        tokio::task::spawn_blocking(end).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_flow_survives_a_kill_after_every_step() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Process::start(Some(dir.path()), &[]);

    let process = start();
    let session = process.caller.session(PHONE, "airtel").await;
    process.kill();

    let process = start();
    let otp = process.caller.otp(PHONE).await;
    let verify = process.caller.verify(&session, &otp).await.ok();
    let code = verify["data"]["code"].as_str().unwrap().to_owned();
    process.kill();

    let process = start();
    let id = process.caller.exchange(&code).await.ok()["id"].as_str().unwrap().to_owned();
    process.kill();

    let process = start();
    assert_eq!(process.caller.exchange(&code).await.ok()["id"], id.as_str());
    assert_eq!(process.caller.get(&format!("/accounts/{id}/balances")).await.status, 200);
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_flow_survives_a_kill_while_mono_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let mono = Provider::start(agreeable_mono).await;
    let vars = mono_at(&mono.url);
    let start = || Process::start(Some(dir.path()), &vars);
    let silently = || mono.script(|_| Script::Silence);
    let impatient = Duration::from_millis(400);

    let process = start();
    silently();
    let _ = tokio::time::timeout(impatient, process.caller.auth(PHONE, "airtel")).await;
    process.kill();

    let process = start();
    mono.script(agreeable_mono);
    process.caller.session(PHONE, "airtel").await;
    silently();
    let _ = tokio::time::timeout(impatient, process.caller.verify("s-1", "123456")).await;
    process.kill();

    let process = start();
    mono.script(agreeable_mono);
    process.caller.verify("s-1", "123456").await.ok();
    silently();
    let _ = tokio::time::timeout(impatient, process.caller.exchange("code_1")).await;
    process.kill();

    let process = start();
    mono.script(agreeable_mono);
    // The killed exchange holds the code until its lease ends.
    let meanwhile = process.caller.exchange("code_1").await;
    meanwhile.refused(409, "in_progress");
    assert!(meanwhile.retry_after.is_some());
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_survive_a_kill_in_the_middle_of_paying() {
    let dir = tempfile::tempdir().unwrap();
    let start = || Process::start(Some(dir.path()), &[("REQUERY_SCHEDULE_SECONDS", "2,1")]);
    let process = start();
    // One order is taken and its answer never comes, the other is never taken.
    process.caller.script(json!([{ "call": "pay", "hang": true, "charge": true }])).await;
    let orders = [("taken", airtime("08031234567")), ("lost", airtime("300000000000"))];
    for (index, (key, body)) in orders.iter().enumerate() {
        tokio::select! {
            reply = process.caller.buy(key, body) => panic!("answered: {}", reply.text),
            () = until("VTpass has it", async || process.caller.ledger().await.len() > index) => {}
        }
    }
    process.kill();

    let process = start();
    let [(taken, taken_body), (lost, lost_body)] = &orders;
    assert_eq!(answered(&process.caller, taken, taken_body).await, "delivered");
    // The chain of the other goes on: VTpass is asked, and does not know it.
    let updated = async || process.caller.bought(lost, lost_body).await["updated_at"].take();
    let first = updated().await;
    until("it is asked about", async || updated().await != first).await;
    for order in process.caller.ledger().await {
        assert_eq!(order["pay_calls"], 1, "{order}");
    }
    process.kill();
}

/// Repeats an order until it is answered.
async fn answered(caller: &Caller, key: &str, body: &Value) -> String {
    for _ in 0..900 {
        let state = caller.bought(key, body).await["state"].as_str().unwrap().to_owned();
        if state != "submitted" && state != "pending" {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{key} is never answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_during_a_request_stops_it_soon() {
    let mono = Provider::start(agreeable_mono).await;
    let process = Process::start(None, &mono_at(&mono.url));
    mono.script(|_| Script::Silence);
    let hanging = process.caller.auth(PHONE, "airtel");
    let _ = tokio::time::timeout(Duration::from_millis(300), hanging).await;
    assert_eq!(mono.received().len(), 1, "the request is under way");

    let begun = Instant::now();
    let (success, _) = process.terminate().await;
    assert!(success);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_whole_flow_holds_no_secret_and_no_personal_data() {
    let process = Process::start(None, &[]);
    let caller = &process.caller;
    let session = caller.session(PHONE, "airtel").await;
    let otp = caller.otp(PHONE).await;
    assert_eq!(caller.verify(&session, "000001").await.status, 400);
    let verify = caller.verify(&session, &otp).await.ok();
    let code = verify["data"]["code"].as_str().unwrap();
    let id = caller.exchange(code).await.ok()["id"].as_str().unwrap().to_owned();
    for tail in ["", "/balances", "/transactions?narration=secretnarration", "/identity", "/export"]
    {
        caller.get(&format!("/accounts/{id}{tail}")).await.ok();
    }
    caller.unlink(&id).await.ok();
    let stranger = Caller::new(&caller.base_url, "live_sk_of_nobody");
    assert_eq!(stranger.get("/purchases").await.status, 403);
    caller.auth("not-a-number-08011112222", "mtn").await;
    caller.auth("08099999999", "glo").await;
    caller.exchange("code_of_nobody").await;
    let order =
        json!({ "service_id": "mtn-data", "phone": "08031234599", "variation_code": "nope" });
    caller.buy("secret-idempotency-key", &order).await;
    caller.buy("secret-idempotency-key", &airtime("08031234599")).await;
    caller.buy("another-idempotency-key", &airtime("201000000000")).await;
    assert!(process.printed.try_iter().any(|line| line.contains(&otp)), "on the console");

    let (_, log) = process.terminate().await;
    assert!(log.lines().count() > 10, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of the log is JSON");
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let phone =
        ["7082109281", "8031234599", "201000000000", "8011112222", "8099999999", "0708****281"];
    let secrets =
        [session.as_str(), &otp, code, KEY, "000001", "code_of_nobody", "idempotency-key"];
    let bodies = ["ADAEZE", "Main Balance", "secretnarration", "1997-08-07"];
    for word in phone.iter().chain(&secrets).chain(&bodies) {
        assert!(!log.contains(word), "the log holds {word}: {log}");
    }
    let hash = shared::platform::crypto::hashed(KEY);
    assert!(!log.contains(&hash), "the log holds the key's hash");
    assert!(log.contains(&format!("\"key_id\":\"{}\"", &hash[..12])), "{log}");
    assert!(!log.contains("live_sk_of_nobody"), "the log holds a refused key");
    assert!(log.contains("\"refusal\":\"unknown\""), "{log}");
}

#[test]
fn a_partly_configured_provider_or_a_used_port_stops_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (port, vars, wanted) in [
        ("0", &[("MONO_BASE_URL", "http://127.0.0.1:1")][..], "MONO_SECRET_KEY"),
        ("0", &[("MONO_BASE_URL", "nonsense")], "MONO_BASE_URL"),
        (&port, &[], "cannot listen"),
    ] {
        let output = command(port, None, vars).output().unwrap();
        assert!(!output.status.success());
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(wanted), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_the_program_that_started_it_ends() {
    let mut started = command("0", None, &[]);
    let mut child = started.arg("--exit-with-parent").stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("\"ready\":true"));
    assert!(child.try_wait().unwrap().is_none(), "the program still runs");
    drop(child.stdin.take());
    let end = tokio::task::spawn_blocking(move || child.wait().unwrap().success());
    assert!(end.await.unwrap(), "it stopped well");
}

#[test]
fn a_person_reads_the_address_of_the_page_first() {
    let mut started = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    started.args(["--port", "0"]).env_clear().stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = started.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let first = lines.into_iter().find(|line| !line.is_empty()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.ends_with("/_sandbox") && first.contains("Open http://127.0.0.1:"), "{first}");
}
