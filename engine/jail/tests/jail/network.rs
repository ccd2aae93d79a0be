//! What a program reaches of the network.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use super::world::{LAUNCHER, Ran, World, mark};

async fn connect(kind: &str, to: &str, network: bool) -> Ran {
    let world = World::new();
    let mut rules = world.rules();
    rules.network = network;
    world.run_by(world.program(LAUNCHER, &[kind, to]), rules).await.expect("it goes well")
}

#[tokio::test]
async fn tcp_needs_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("it goes well");
    let address = listener.local_addr().expect("it goes well").to_string();
    assert!(connect("tcp", &address, true).await.succeeded());
    listener.set_nonblocking(true).expect("it goes well");
    listener.accept().expect("the first one came through");
    assert!(!connect("tcp", &address, false).await.succeeded());
    assert!(listener.accept().is_err(), "the second one did not");
}

#[tokio::test]
async fn udp_needs_the_network() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("it goes well");
    let address = socket.local_addr().expect("it goes well").to_string();
    assert!(connect("udp", &address, true).await.succeeded());
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("it goes well");
    socket.recv(&mut [0; 8]).expect("the first one came through");
    assert!(!connect("udp", &address, false).await.succeeded());
    assert!(socket.recv(&mut [0; 8]).is_err(), "the second one did not");
}

#[tokio::test]
async fn abstract_sockets_outside_are_out_of_reach_even_with_the_network() {
    let name = format!("kiket-jail-{}", mark());
    let _listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).expect("it goes well")).expect("it goes well");
    let open = World::unjailed();
    assert!(open.run(open.program(LAUNCHER, &["abstract", &name])).await.succeeded());
    assert!(!connect("abstract", &name, false).await.succeeded());
    // Landlock keeps them out where it knows how to.
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let version: Vec<u32> = release.split('.').take(2).filter_map(|number| number.parse().ok()).collect();
    if version >= vec![6, 12] {
        assert!(!connect("abstract", &name, true).await.succeeded());
    }
}
