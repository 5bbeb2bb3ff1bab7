//! A simulated engine that writes streams on time and remembers when it did: the truth that load
//! generators are held against. Compiled, so that it takes little of the machine they share.
//!
//! The request's `model` says how it behaves; `GET /truth` returns what was done since the last
//! time it was asked, as one JSON object a request. Times are seconds since the start.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How one request is answered.
struct Answer {
    kind: &'static str, // ok, error, reset, empty
    tokens: u64,
    per_chunk: u64,
    reasoning: u64,
    usage: bool,
}

struct State {
    begin: Instant,
    log: Vec<String>,
    asked: u64,
    first_read: f64,
}

type Shared = Arc<Mutex<State>>;

const FIRST_MS: f64 = 80.0;
const SPREAD_MS: f64 = 80.0;
const BETWEEN_MS: f64 = 5.0;
const HICCUP_MS: f64 = 15.0; // one gap in 50
const STALL_AFTER: f64 = 3.0;
const STALL_SECONDS: f64 = 2.0;

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("no port");
    println!("{}", listener.local_addr().expect("no address").port());
    let state = State {
        begin: Instant::now(),
        log: vec![],
        asked: 0,
        first_read: 0.0,
    };
    let shared: Shared = Arc::new(Mutex::new(state));
    for stream in listener.incoming().flatten() {
        let shared = shared.clone();
        thread::spawn(move || {
            let _ = connection(stream, shared);
        });
    }
}

fn connection(mut stream: TcpStream, shared: Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    loop {
        let (mut first, mut length) = (String::new(), 0usize);
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0u8; length];
        reader.read_exact(&mut body)?;
        let path = first.split(' ').nth(1).unwrap_or("");
        match path {
            "/v1/chat/completions" => {
                if !chat(&mut stream, &String::from_utf8_lossy(&body), &shared)? {
                    return Ok(());
                }
            }
            "/truth" => {
                let mut state = shared.lock().unwrap();
                let all = format!("[{}]", state.log.join(","));
                state.log.clear();
                state.asked = 0;
                drop(state);
                plain(&mut stream, "200 OK", &all)?;
            }
            "/v1/models" => plain(
                &mut stream,
                "200 OK",
                r#"{"object":"list","data":[{"id":"plain","object":"model","owned_by":"mock"}]}"#,
            )?,
            _ => plain(
                &mut stream,
                "404 Not Found",
                r#"{"error":{"message":"not here"}}"#,
            )?,
        }
    }
}

/// Answers one question; false: the connection is of no use any more.
fn chat(stream: &mut TcpStream, body: &str, shared: &Shared) -> std::io::Result<bool> {
    let (number, read, begin, stalls) = {
        let mut state = shared.lock().unwrap();
        let read = state.begin.elapsed().as_secs_f64();
        if state.asked == 0 {
            state.first_read = read;
        }
        state.asked += 1;
        let stall = if text(body, "model") == "w7" {
            state.first_read + STALL_AFTER
        } else {
            1e18
        };
        (
            state.asked,
            read,
            state.begin,
            (stall, stall + STALL_SECONDS),
        )
    };
    let model = text(body, "model");
    let answer = answer(
        &model,
        number,
        number_of(body),
        body.contains("\"include_usage\""),
    );
    let mut writes: Vec<String> = vec![];
    let usable = write_answer(stream, &answer, number, read, begin, stalls, &mut writes)?;
    shared.lock().unwrap().log.push(format!(
        r#"{{"number":{number},"kind":"{}","read":{read:.6},"tokens":{},"writes":[{}]}}"#,
        answer.kind,
        answer.tokens,
        writes.join(",")
    ));
    if usable && answer.kind == "ok" {
        // Only now: whoever has seen the end finds the truth complete.
        stream.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")?;
    }
    Ok(usable)
}

fn answer(model: &str, number: u64, asked: u64, include_usage: bool) -> Answer {
    let mut answer = Answer {
        kind: "ok",
        tokens: asked,
        per_chunk: 1,
        reasoning: 0,
        usage: include_usage,
    };
    match model {
        "w3" => answer.per_chunk = 4,
        "w4" => answer.reasoning = asked / 2,
        "w5" if number % 20 == 1 => answer.kind = "error",
        "w5" if number % 100 == 38 => answer.kind = "reset",
        "w5" if number % 100 == 78 => answer.kind = "empty",
        // It ends of its own accord, and does not say how many tokens these were.
        "w8" => (answer.tokens, answer.usage) = (asked * 3 / 4, false),
        _ => {}
    }
    answer
}

fn write_answer(
    stream: &mut TcpStream,
    answer: &Answer,
    number: u64,
    read: f64,
    begin: Instant,
    stall: (f64, f64),
    writes: &mut Vec<String>,
) -> std::io::Result<bool> {
    if answer.kind == "error" {
        plain(
            stream,
            "500 Internal Server Error",
            r#"{"error":{"message":"simulated"}}"#,
        )?;
        return Ok(true);
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    if answer.kind == "empty" {
        stream.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")?;
        return Ok(true);
    }
    event(stream, r#"{"role":"assistant","content":""}"#, "null")?;
    let mut due = read + (FIRST_MS + SPREAD_MS * share(number, 0)) / 1000.0;
    let mut done = 0;
    while done < answer.tokens {
        let size = answer.per_chunk.min(answer.tokens - done);
        let now = begin.elapsed().as_secs_f64();
        if due >= stall.0 && now < stall.1 {
            due = due.max(stall.1); // the rest comes that much later, too
        }
        thread::sleep(Duration::from_secs_f64((due - now).max(0.0)));
        if answer.kind == "reset" && done >= answer.tokens / 2 {
            reset(stream);
            return Ok(false);
        }
        let hidden = done < answer.reasoning;
        let key = if hidden {
            "reasoning_content"
        } else {
            "content"
        };
        let words = "x ".repeat(size as usize);
        let at = begin.elapsed().as_secs_f64();
        event(stream, &format!(r#"{{"{key}":"{words}"}}"#), "null")?;
        writes.push(format!("[{at:.6},{size},{}]", !hidden));
        done += size;
        let hiccup = if share(number, done) < 0.02 {
            HICCUP_MS
        } else {
            BETWEEN_MS
        };
        due += hiccup * size as f64 / 1000.0;
    }
    event(stream, "{}", "\"stop\"")?;
    if answer.usage {
        let total = answer.tokens;
        data(
            stream,
            &format!(
                r#"{{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{{"prompt_tokens":256,"completion_tokens":{total},"total_tokens":{}}}}}"#,
                256 + total
            ),
        )?;
    }
    Ok(true)
}

fn event(stream: &mut TcpStream, delta: &str, finish: &str) -> std::io::Result<()> {
    data(
        stream,
        &format!(
            r#"{{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
        ),
    )
}

fn data(stream: &mut TcpStream, json: &str) -> std::io::Result<()> {
    let line = format!("data: {json}\n\n");
    stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes())
}

fn plain(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    stream.write_all(
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .as_bytes(),
    )
}

/// Returns a number in [0, 1) that only these two decide: every run writes at the same pace.
fn share(number: u64, at: u64) -> f64 {
    let mut z = (number << 20)
        .wrapping_add(at)
        .wrapping_add(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Returns a text field of the request; its JSON has no escapes there.
fn text(body: &str, key: &str) -> String {
    let rest = body
        .split_once(&format!("\"{key}\""))
        .map_or("", |(_, rest)| rest);
    let rest = rest.trim_start_matches([':', ' ']);
    rest.trim_start_matches('"')
        .split('"')
        .next()
        .unwrap_or("")
        .to_string()
}

/// Returns how many tokens are asked for, by either of the two names.
fn number_of(body: &str) -> u64 {
    for key in ["\"max_tokens\"", "\"max_completion_tokens\""] {
        if let Some((_, rest)) = body.split_once(key) {
            let rest = rest.trim_start_matches([':', ' ']);
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if let Ok(number) = digits.parse() {
                return number;
            }
        }
    }
    128
}

#[repr(C)]
struct Linger {
    on: i32,
    seconds: i32,
}

extern "C" {
    fn setsockopt(fd: i32, level: i32, name: i32, value: *const Linger, length: u32) -> i32;
}

/// Lets the connection end with a TCP reset, as a process that dies does, once it is dropped.
fn reset(stream: &TcpStream) {
    const SOL_SOCKET: i32 = 1;
    const SO_LINGER: i32 = 13;
    let linger = Linger { on: 1, seconds: 0 };
    // SAFETY: the descriptor is open, and the option's value has the size that is told.
    unsafe {
        setsockopt(stream.as_raw_fd(), SOL_SOCKET, SO_LINGER, &linger, 8);
    }
}
