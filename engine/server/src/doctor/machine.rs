//! The machine: room on the disk, jails, and the addresses to listen on.

use std::net::SocketAddr;
use std::time::Duration;

use kiket_jail::Jail;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Check, Patient};

const MIB: u64 = 1024 * 1024;
/// Below this a server may stop at any time.
const NO_ROOM: u64 = 256 * MIB;
/// Below this it is time to do something.
const LITTLE_ROOM: u64 = 2048 * MIB;
/// How long somebody who listens may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(patient: &Patient<'_>, there: bool, runs: bool, checks: &mut Vec<Check>) {
    if there {
        checks.push(disk(patient));
    }
    checks.push(jail().await);
    checks.push(address("API address", patient.listen, runs).await);
    if let Some(sites) = patient.sites {
        checks.push(address("sites address", sites, runs).await);
    }
}

fn disk(patient: &Patient<'_>) -> Check {
    let name = "disk";
    let advice = "make room: `kiket artifacts rm`, another disk, or a larger one";
    match rustix::fs::statvfs(patient.data) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let text = format!("{} MiB free", free / MIB);
            match free {
                0..NO_ROOM => Check::bad(name, text, advice),
                NO_ROOM..LITTLE_ROOM => Check::warn(name, text, advice),
                _ => Check::ok(name, text),
            }
        }
        Err(error) => Check::bad(name, error.to_string(), "see that the disk is there"),
    }
}

async fn jail() -> Check {
    let name = "jail";
    let advice = "stages that run programs (`build`) fail here: allow user namespaces, or see `--unsafe-no-jail`";
    let launcher = match std::env::current_exe() {
        Ok(launcher) => launcher,
        Err(error) => return Check::warn(name, error.to_string(), advice),
    };
    match Jail::new(launcher).available().await {
        Ok(()) => Check::ok(name, "programs can be run in jails"),
        Err(error) => Check::warn(name, error.to_string(), advice),
    }
}

/// Whether a server answers there, where one runs, or could listen there, where none does.
async fn address(name: &'static str, address: SocketAddr, runs: bool) -> Check {
    if address.port() == 0 {
        return Check::ok(name, format!("{address}: any port that is free"));
    }
    if runs {
        return match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => Check::ok(name, format!("somebody answers at {address}")),
            _ => Check::warn(
                name,
                format!("a server runs, and nobody answers at {address}"),
                "say where it listens, as it was told: --listen, --sites-listen or its --config",
            ),
        };
    }
    match TcpListener::bind(address).await {
        Ok(_) => Check::ok(name, format!("{address} is free")),
        Err(error) => {
            Check::bad(name, format!("{address}: {error}"), "stop who listens there, or choose another address")
        }
    }
}
