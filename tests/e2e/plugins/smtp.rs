//! A small mail server on loopback, in the clear, for one message after the other.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub(crate) struct Smtp {
    pub(crate) port: u16,
    /// What was said in each connection, line by line.
    talks: mpsc::UnboundedReceiver<Vec<String>>,
}

impl Smtp {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (done, talks) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = done.send(talk(stream).await);
            }
        });
        Self { port, talks }
    }

    /// What was said in the next connection.
    pub(crate) async fn heard(&mut self) -> Vec<String> {
        self.talks.recv().await.expect("it listens for ever")
    }
}

/// Takes everything but recipients called `nobody`.
async fn talk(stream: TcpStream) -> Vec<String> {
    let (mut stream, mut heard, mut line) = (BufReader::new(stream), Vec::new(), String::new());
    let mut in_data = false;
    let mut answer = "220 mail.example ESMTP\r\n";
    while stream.write_all(answer.as_bytes()).await.is_ok() {
        line.clear();
        if !stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            break;
        }
        let said = line.trim_end_matches("\r\n").to_owned();
        answer = match said.split([' ', ':']).next().unwrap_or_default() {
            "." if in_data => "250 2.0.0 queued as 7\r\n",
            _ if in_data => "",
            "EHLO" => "250-mail.example\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "RCPT" if said.contains("<nobody@") => "550 5.1.1 no such user\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        in_data = said == "DATA" || in_data && said != ".";
        heard.push(said);
    }
    heard
}
