//! A small shop that sells airtime through the telco gateway.
//!
//! ```text
//! shop serve [PORT]           runs the shop: webhooks at /hooks, on port 3000 unless given
//! shop buy                    makes the running shop buy ORDER_ID, see below
//! shop refunds                prints the purchase of each refund, one on a line
//! shop link PHONE PROVIDER    asks a customer for access, and prints the identity
//! ```
//!
//! `serve` reads `WEBHOOK_SECRET` (`whsec_...`) and `SHOP_BOOKS`, the folder that keeps the refunds.
//! `buy` reads `ORDER_ID`, `SERVICE_ID`, `PHONE`, `AMOUNT_KOBO`, `GATEWAY_URL` and `GATEWAY_KEY`, as
//! `rehearse` sets them.
//!
//! Three rules keep its money safe. It repeats a request under the same Idempotency-Key. It believes
//! no webhook that it cannot verify. It refunds only what the gateway itself says is safe to refund,
//! once.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, process, thread};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tiny_http::{Request, Response, Server};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TOLERANCE_SECONDS: u64 = 300;
const TRIES: u32 = 5;

/// The telco gateway.
#[derive(Clone)]
struct Gateway {
    url: String,
    key: String,
    agent: ureq::Agent,
}

impl Gateway {
    fn new(url: &str, key: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)));
        Self { url: url.to_owned(), key: key.to_owned(), agent: config.build().into() }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let request = self.agent.get(format!("{}{path}", self.url));
        read(request.header("mono-sec-key", &self.key).call())
    }

    fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        request = request.header("mono-sec-key", &self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.header("content-type", "application/json").send(body.to_string()))
    }

    /// Buys. The order's id is the Idempotency-Key, so a repeat never buys twice.
    fn buy(&self, order_id: &str, order: &Value) -> (u16, Value) {
        let mut attempt = 0;
        loop {
            let (status, answer) = self.post("/purchases", order, &[("idempotency-key", order_id)]);
            attempt += 1;
            if (status < 500 && status != 429) || attempt == TRIES {
                return (status, answer);
            }
            thread::sleep(Duration::from_millis(25 << attempt));
        }
    }
}

/// Status and JSON. A connection that fails and an answer that cannot be read are a 503.
fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let Ok(mut answer) = answer else { return (503, Value::Null) };
    match serde_json::from_reader(answer.body_mut().as_reader()) {
        Ok(json) => (answer.status().as_u16(), json),
        Err(_) => (503, Value::Null),
    }
}

/// Whether a webhook comes from the gateway, by Standard Webhooks.
fn is_true(key: &[u8], request: &Request, body: &[u8], now: u64) -> bool {
    let timestamp = header(request, "webhook-timestamp");
    let is_now = timestamp.parse().is_ok_and(|it| now.abs_diff(it) <= TOLERANCE_SECONDS);
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return false };
    mac.update(format!("{}.{timestamp}.", header(request, "webhook-id")).as_bytes());
    mac.update(body);
    // During a rotation there are several signatures. One that verifies is enough.
    let is_signed = header(request, "webhook-signature").split(' ').any(|signature| {
        let given = signature.strip_prefix("v1,").and_then(|it| BASE64_STANDARD.decode(it).ok());
        // It takes the same time for every signature.
        given.is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
    });
    is_now && is_signed
}

/// A header of the request, or the empty text.
fn header<'a>(request: &'a Request, name: &'static str) -> &'a str {
    let found = request.headers().iter().find(|it| it.field.equiv(name));
    found.map_or("", |it| it.value.as_str())
}

/// The running shop.
struct Shop {
    key: Vec<u8>,
    /// A folder with a file for each refund, named by its purchase.
    books: PathBuf,
    handled: Mutex<HashSet<String>>,
    gateway: Mutex<Option<Gateway>>,
}

impl Shop {
    /// Gives the money back, once: a file is made only once, also after a restart. A real shop has
    /// a database with unique keys, and tells its payment provider here.
    fn refund(&self, purchase_id: &str) -> io::Result<()> {
        match File::create_new(self.books.join(purchase_id)) {
            Ok(file) => file.sync_all(),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The purchase of each refund, one on a line.
    fn refunds(&self) -> io::Result<String> {
        let names = fs::read_dir(&self.books)?.map(|file| Ok(file?.file_name()));
        let names: Vec<_> = names.collect::<io::Result<_>>()?;
        Ok(names.iter().map(|name| format!("{}\n", name.display())).collect())
    }

    /// Handles a webhook, and gives the status to answer with.
    fn receive(&self, request: &Request, body: &[u8]) -> u16 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if !is_true(&self.key, request, body, now) {
            return 401;
        }
        let id = header(request, "webhook-id");
        if locked(&self.handled).contains(id) {
            return 200;
        }
        let Ok(event) = serde_json::from_slice::<Value>(body) else { return 400 };
        if event["type"].as_str().is_some_and(|it| it.starts_with("purchase.")) {
            // The webhook may be old. What counts is what the gateway says now.
            let Some(gateway) = locked(&self.gateway).clone() else { return 503 };
            let purchase_id = event["data"]["purchase_id"].as_str().unwrap_or_default();
            let (status, answer) = gateway.get(&format!("/purchases/{purchase_id}"));
            let (200, Some(is_safe)) = (status, answer["data"]["safe_to_refund"].as_bool()) else {
                return 503; // It comes again.
            };
            if is_safe && self.refund(purchase_id).is_err() {
                return 503;
            }
        }
        locked(&self.handled).insert(id.to_owned());
        200
    }

    /// Buys, and gives what became of the order.
    fn buy(&self, body: &[u8]) -> Result<String, Failure> {
        let order: Value = serde_json::from_slice(body)?;
        let part = |name: &str| order[name].as_str().unwrap_or_default();
        let gateway = Gateway::new(part("gateway_url"), part("gateway_key"));
        *locked(&self.gateway) = Some(gateway.clone());
        let amount_kobo: u64 = part("amount_kobo").parse()?;
        let wanted = json!({
            "service_id": part("service_id"), "phone": part("phone"), "amount_kobo": amount_kobo,
        });
        let (status, answer) = gateway.buy(part("order_id"), &wanted);
        // Pending is neither delivered nor failed: a webhook tells the end.
        Ok(json!({"status": status, "state": answer["data"]["state"]}).to_string())
    }

    fn answer(&self, mut request: Request) -> io::Result<()> {
        let mut body = Vec::new();
        request.as_reader().take(1 << 20).read_to_end(&mut body)?;
        let (status, text) = match format!("{} {}", request.method(), request.url()).as_str() {
            "POST /hooks" => (self.receive(&request, &body), String::new()),
            "POST /buy" => self.buy(&body).map_or((400, String::new()), |text| (200, text)),
            "GET /refunds" => (200, self.refunds()?),
            _ => (404, String::new()),
        };
        request.respond(Response::from_string(text).with_status_code(status))
    }
}

/// A thread that failed leaves nothing half done behind a lock.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(port: &str) -> Result<(), Failure> {
    let secret = env::var("WEBHOOK_SECRET").unwrap_or_default();
    let key = secret.strip_prefix("whsec_").and_then(|it| BASE64_STANDARD.decode(it).ok());
    let key = key.filter(|key| !key.is_empty());
    let key = key.ok_or("WEBHOOK_SECRET is missing, or is not whsec_ and Base64")?;
    // Without SHOP_BOOKS the refunds are kept apart from those of every other run.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let fresh = || env::temp_dir().join(format!("shop-{now}"));
    let books = env::var_os("SHOP_BOOKS").map_or_else(fresh, PathBuf::from);
    fs::create_dir_all(&books)?;
    let shop = Shop { key, books, handled: Mutex::default(), gateway: Mutex::default() };
    let shop = Arc::new(shop);
    for request in Server::http(format!("127.0.0.1:{port}"))?.incoming_requests() {
        let shop = Arc::clone(&shop);
        // A request that cannot be read or answered comes again.
        thread::spawn(move || shop.answer(request).ok());
    }
    Ok(())
}

/// Asks a customer for access to an account: OTP, code, account id, identity.
fn link(gateway: &Gateway, phone: &str, provider: &str) -> io::Result<Value> {
    let customer = json!({"phone": phone, "provider": provider});
    let (status, begun) = gateway.post("/v2/telecom/auth", &customer, &[]);
    let (200, Some(session)) = (status, begun["data"]["session_id"].as_str()) else {
        return Ok(begun);
    };
    print!("The OTP that {phone} received: ");
    io::stdout().flush()?;
    let otp = io::stdin().lines().next().transpose()?.unwrap_or_default();
    let proof = json!({"otp": otp.trim()});
    let (status, proven) = gateway.post("/v2/telecom/verify", &proof, &[("x-session-id", session)]);
    if status != 200 {
        return Ok(proven);
    }
    let code = json!({"code": proven["data"]["code"]});
    let (status, account) = gateway.post("/account/auth", &code, &[]);
    let (200, Some(id)) = (status, account["id"].as_str()) else { return Ok(account) };
    Ok(gateway.get(&format!("/accounts/{id}/identity")).1)
}

fn run(arguments: &[&str]) -> Result<(), Failure> {
    let port = env::var("SHOP_PORT").unwrap_or_else(|_| "3000".to_owned());
    let running = format!("http://127.0.0.1:{port}");
    match arguments {
        ["serve"] => serve("3000")?,
        ["serve", port] => serve(port)?,
        ["buy"] => {
            let names = "order_id gateway_url gateway_key service_id phone amount_kobo";
            let mut order = json!({});
            for name in names.split(' ') {
                order[name] = env::var(name.to_uppercase())?.into();
            }
            ureq::post(format!("{running}/buy")).send(order.to_string())?;
        }
        ["refunds"] => {
            let mut answer = ureq::get(format!("{running}/refunds")).call()?;
            print!("{}", answer.body_mut().read_to_string()?);
        }
        ["link", phone, provider] => {
            let gateway = Gateway::new(&env::var("GATEWAY_URL")?, &env::var("GATEWAY_KEY")?);
            let answer = link(&gateway, phone, provider)?;
            if answer.is_null() {
                return Err("the gateway gave no answer".into());
            }
            println!("{answer:#}");
        }
        _ => return Err("usage: shop serve [PORT] | buy | refunds | link PHONE PROVIDER".into()),
    }
    Ok(())
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Err(failure) = run(&arguments) {
        eprintln!("shop: {failure}");
        process::exit(1);
    }
}
