//! An MTN of a few lines for the tests: says what it is told to and keeps what it was asked.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Ids, Mtn};
use crate::phone::Msisdn;
use crate::world::{Clock, World};

pub(super) const IDS: Ids<'static> = Ids { transaction_id: "tx-1", trace_id: "trace-1" };
pub(super) const TOKEN_PATH: &str = "/v1/oauth/access_token?grant_type=client_credentials";

/// A request as it came over the wire.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Method and target.
    pub(super) line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// What to answer; `None` says nothing, ever.
pub(super) type Reply = Option<(u16, String)>;

pub(super) struct Rig {
    pub(super) mtn: Mtn,
    seen: Arc<Mutex<Vec<Seen>>>,
    now: Arc<AtomicI64>,
}

impl Seen {
    pub(super) fn is_token(&self) -> bool {
        self.line == format!("POST {TOKEN_PATH}")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

impl Rig {
    /// A client of an MTN that answers by `answer`, told how many token requests came so far.
    pub(super) async fn new(
        vars: &[(&str, &str)],
        answer: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, now) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(AtomicI64::new(1_000)));
        let (kept, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answer)));
            }
        });
        Self { mtn: client(&url, vars, &now), seen, now }
    }

    /// An MTN that numbers its tokens `t1`, `t2`, … and answers everything else by `answer`.
    pub(super) async fn with_tokens(
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::new(&[], move |seen, tokens| match seen.is_token() {
            true => token(tokens, r#""3599""#),
            false => answer(seen),
        })
        .await
    }

    pub(super) fn turn_clock(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// How many tokens were asked for.
    pub(super) fn tokens(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.is_token()).count()
    }

    /// Everything that was asked but tokens.
    pub(super) fn calls(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| !seen.is_token()).cloned().collect()
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn client(url: &str, more: &[(&str, &str)], now: &Arc<AtomicI64>) -> Mtn {
    let now = Arc::clone(now);
    let time = move || OffsetDateTime::from_unix_timestamp(now.load(Ordering::SeqCst)).unwrap();
    let world = World { clock: Clock::from_fn(time), ..World::real() };
    let vars = [
        ("MTN_BASE_URL", url),
        ("MTN_API_KEY", "key-1"),
        ("MTN_CLIENT_ID", "client&1"),
        ("MTN_CLIENT_SECRET", "s3cr=t"),
        ("MTN_CHANNEL_NAME", "gateway"),
    ];
    let vars = vars.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Mtn::from_vars(&vars.collect(), &world).unwrap().unwrap()
}

pub(super) fn msisdn() -> Msisdn {
    Msisdn::parse("08031234567").unwrap()
}

/// The token with a number.
pub(super) fn token(number: usize, expires_in: &str) -> Reply {
    let body = format!(
        r#"{{"access_token":"t{number}","token_type":"BearerToken","expires_in":{expires_in}}}"#
    );
    Some((200, body))
}

pub(super) fn ok(body: &str) -> Reply {
    Some((200, body.to_owned()))
}

async fn serve(
    mut stream: TcpStream,
    kept: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<impl Fn(&Seen, usize) -> Reply>,
) {
    let Some(seen) = receive(&mut stream).await else { return };
    let reply = {
        let mut kept = kept.lock().unwrap();
        kept.push(seen.clone());
        answer(&seen, kept.iter().filter(|seen| seen.is_token()).count())
    };
    let Some((status, body)) = reply else { return std::future::pending().await };
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\nretry-after: 7\r\n");
    let text = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let _ = stream.write_all(text.as_bytes()).await;
}

async fn receive(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines();
        let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
        let pair = |line: &str| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned()));
        let seen = Seen { line, headers: lines.filter_map(pair).collect(), body: body.to_owned() };
        let length = seen.header("content-length").map_or(0, |it| it.parse().unwrap());
        if body.len() >= length {
            return Some(seen);
        }
    }
}
