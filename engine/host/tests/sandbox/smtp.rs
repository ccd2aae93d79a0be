//! A small mail server on loopback: takes one connection, says what it is told to, and remembers what it heard.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server is like.
#[derive(Clone)]
pub(crate) struct Manners {
    /// Whether TLS is there from the first byte.
    pub(crate) tls: bool,
    /// What it offers in answer to `EHLO`.
    pub(crate) offers: &'static [&'static str],
    /// What it says after a command that begins so, instead of the usual.
    pub(crate) says: &'static [(&'static str, &'static str)],
    /// What it slips in behind its answer to `STARTTLS`, in the clear.
    pub(crate) slips_in: &'static str,
    /// Whether it goes away without an answer once it has a whole message.
    pub(crate) leaves: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { tls: false, offers: &["AUTH PLAIN LOGIN"], says: &[], slips_in: "", leaves: false }
    }
}

pub(crate) struct Smtp {
    pub(crate) port: u16,
    /// Trusts the server's certificate, which is for `localhost`.
    pub(crate) trust: ClientConfig,
    heard: JoinHandle<Vec<String>>,
}

impl Smtp {
    pub(crate) async fn start(manners: Manners) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let trust = trust.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let server = server.expect("versions").with_no_client_auth().with_single_cert(vec![cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(server.expect("a server")));

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut heard = Vec::new();
            if manners.tls {
                match acceptor.accept(stream).await {
                    Ok(stream) => _ = talk(stream, &manners, true, &mut heard).await,
                    Err(error) => heard.push(format!("no tls: {error}")),
                }
            } else if let Some(stream) = talk(stream, &manners, true, &mut heard).await {
                match acceptor.accept(stream).await {
                    Ok(stream) => _ = talk(stream, &manners, false, &mut heard).await,
                    Err(error) => heard.push(format!("no tls: {error}")),
                }
            }
            heard
        });
        Self { port, trust: trust.with_no_client_auth(), heard }
    }

    /// Every line it heard, once the connection is over.
    pub(crate) async fn heard(self) -> Vec<String> {
        self.heard.await.expect("no panic")
    }
}

/// Talks until the end, or until the other side wants TLS: then the stream is answered.
async fn talk<S>(stream: S, manners: &Manners, greet: bool, heard: &mut Vec<String>) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    if greet {
        stream.write_all(b"220 mail.example ESMTP\r\n").await.ok()?;
    }
    let (mut line, mut in_data) = (String::new(), false);
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let said = std::mem::take(&mut line).trim_end_matches("\r\n").to_owned();
        heard.push(said.clone());
        let told = manners.says.iter().find(|(command, _)| said.starts_with(command)).map(|(_, answer)| *answer);
        let answer = match (in_data, said.split(' ').next().unwrap_or_default()) {
            (true, ".") if manners.leaves => return None,
            (true, ".") => "250 2.0.0 queued as 7\r\n".to_owned(),
            (true, _) => continue,
            (false, _) if told.is_some() => format!("{}\r\n", told.unwrap_or_default()),
            (false, "EHLO") => {
                let offers: String = manners.offers.iter().map(|offer| format!("250-{offer}\r\n")).collect();
                format!("250-mail.example\r\n{offers}250 SIZE 1000000\r\n")
            }
            (false, "STARTTLS") => format!("220 go on\r\n{}", manners.slips_in),
            (false, "AUTH") => "235 welcome\r\n".to_owned(),
            (false, "DATA") => "354 go on\r\n".to_owned(),
            (false, "QUIT") => "221 bye\r\n".to_owned(),
            (false, _) => "250 ok\r\n".to_owned(),
        };
        in_data = said == "DATA" && answer.starts_with("354") || in_data && said != ".";
        stream.write_all(answer.as_bytes()).await.ok()?;
        if said == "STARTTLS" {
            return Some(stream.into_inner());
        }
    }
    None
}
