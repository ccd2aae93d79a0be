//! curl, as a script would use it: called again, after the last event it has shown, until there is nothing more.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::Client;

/// Follows a stream on a thread of its own, which ends with the stream.
pub(super) fn start(url: &str, token: &str) -> Client {
    let (sender, said) = mpsc::unbounded_channel();
    let (url, token) = (url.to_owned(), format!("Authorization: Bearer {token}"));
    std::thread::spawn(move || {
        let mut last = String::new();
        while call(&url, &token, &mut last, &sender) {}
        let _ = sender.send("closed".to_owned());
    });
    Client::listen("curl", None, said)
}

/// One call; answers whether there may be more. curl itself waits for a server that is not there.
fn call(url: &str, token: &str, last: &mut String, to: &UnboundedSender<String>) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--no-buffer", "--noproxy", "*", "--max-time", "60"]);
    curl.args(["--retry", "30", "--retry-delay", "1", "--retry-connrefused", "--header", token]);
    if !last.is_empty() {
        curl.args(["--header", &format!("Last-Event-ID: {last}")]);
    }
    let mut process = curl.arg(url).stdout(Stdio::piped()).spawn().expect("curl is installed");
    let (mut kind, mut data, mut ended) = (String::new(), String::new(), false);
    let stdout = BufReader::new(process.stdout.take().expect("stdout is piped"));
    for line in stdout.lines().map_while(Result::ok) {
        match line.split_once(": ") {
            Some(("id", id)) => id.clone_into(last),
            Some(("event", of)) => of.clone_into(&mut kind),
            Some(("data", text)) => text.clone_into(&mut data),
            _ if line.is_empty() && !kind.is_empty() => {
                ended = kind == "end";
                let _ = to.send(json!({ "id": last, "kind": kind, "data": data }).to_string());
                kind.clear();
            }
            _ => {}
        }
    }
    let _ = process.wait();
    !ended && !to.is_closed()
}
