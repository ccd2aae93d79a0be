//! Stands in for kiket's own binary in the tests of this crate: it becomes the launcher when asked, runs a jail of its own
//! (as a caller that a test can kill or start as somebody else), and is a program that tries to get out.

use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::ExitCode;

use kiket_jail::{Jail, JailError, Program, Rules, Stream};
use tokio::sync::mpsc;

fn main() -> ExitCode {
    kiket_jail::become_launcher_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let tried = match words[..] {
        ["jail", order] => jail(order),
        ["tcp", address] => TcpStream::connect(address).map(drop),
        ["udp", address] => UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", address)).map(drop),
        ["unix", path] => UnixStream::connect(path).map(drop),
        ["abstract", name] => {
            SocketAddr::from_abstract_name(name).and_then(|address| UnixStream::connect_addr(&address)).map(drop)
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    };
    match tried {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a program in a jail, passes on what it writes to standard output, and ends with how it ended.
#[tokio::main]
async fn jail(order: &str) -> io::Result<()> {
    let (program, rules): (Program, Rules) = serde_json::from_str(order)?;
    let (output, mut chunks) = mpsc::channel(8);
    let jail = Jail::new(std::env::current_exe()?);
    let run = jail.run(program, rules, output);
    let show = async {
        while let Some(chunk) = chunks.recv().await {
            match chunk.stream {
                Stream::Out => io::stdout().write_all(&chunk.bytes)?,
                Stream::Err => io::stderr().write_all(&chunk.bytes)?,
            }
        }
        io::Result::Ok(())
    };
    let (finished, shown) = tokio::join!(run, show);
    shown?;
    println!("{:?}", finished.map_err(|error: JailError| io::Error::other(error.to_string()))?.end);
    Ok(())
}
