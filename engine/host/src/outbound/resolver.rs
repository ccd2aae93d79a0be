//! Turns names into addresses that may be connected to.
//!
//! The client connects to exactly what this returns, so there is no second
//! resolution in which the answer could change. One address that is not
//! admitted refuses the whole answer: a name with a public and a private
//! address is an attack or a mistake, never a choice.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use super::address::Reach;

/// Resolves names, and refuses answers.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    pub(super) names: Names,
    pub(super) allow_private: bool,
}

/// A test's answer to a name.
type Tell = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Who knows the addresses of names.
#[derive(Clone)]
pub(super) enum Names {
    /// The system's resolver.
    System,
    /// A function that a test made up: hostile answers are not to be had otherwise.
    Told(Arc<Tell>),
}

impl Names {
    async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Names::System => Ok(tokio::net::lookup_host((name, port)).await?.collect()),
            Names::Told(tell) => Ok(tell(name)?.into_iter().map(|address| SocketAddr::new(address, port)).collect()),
        }
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Names::System => "System",
            Names::Told(_) => "Told",
        })
    }
}

/// An address that the request may not reach.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Private, and the grant does not list the host exactly.
    #[error(
        "`{host}` is at {address}, which is not a public address: \
         that needs a grant in `.kiket/plugins.yaml` that lists the host exactly"
    )]
    Private { host: String, address: IpAddr },
    /// Written in the URL itself, and the grant does not list it.
    #[error(
        "{address} is not a public address: \
         that needs a grant in `.kiket/plugins.yaml` that lists it exactly"
    )]
    Literal { address: IpAddr },
    /// Not an address for names.
    #[error(
        "`{host}` is at {address}, a {reach} address: \
         that needs a grant in `.kiket/plugins.yaml` that lists the address itself"
    )]
    Special { host: String, address: IpAddr, reach: Reach },
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { names, allow_private } = self.clone();
        Box::pin(async move {
            let addresses = resolve(&names, name.as_str(), 0, allow_private).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a host, all of them admitted.
pub(super) async fn addresses(
    names: &Names,
    host: &Host,
    port: u16,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Unresolved> {
    let literal: IpAddr = match host {
        Host::Domain(name) => return resolve(names, name, port, allow_private).await,
        Host::Ipv4(address) => (*address).into(),
        Host::Ipv6(address) => (*address).into(),
    };
    admit_literal(literal, allow_private)?;
    Ok(vec![(literal, port).into()])
}

/// What keeps a name from being resolved: the system's error, or [`Refused`].
pub(super) type Unresolved = Box<dyn std::error::Error + Send + Sync>;

async fn resolve(names: &Names, name: &str, port: u16, allow_private: bool) -> Result<Vec<SocketAddr>, Unresolved> {
    let addresses = names.look_up(name, port).await?;
    for address in &addresses {
        admit_name(name, address.ip(), allow_private)?;
    }
    Ok(addresses)
}

/// Whether a name may lead to this address.
fn admit_name(host: &str, address: IpAddr, allow_private: bool) -> Result<(), Refused> {
    match Reach::of(address) {
        Reach::Public => Ok(()),
        Reach::Private if allow_private => Ok(()),
        Reach::Private => Err(Refused::Private { host: host.to_owned(), address }),
        reach @ Reach::Special => Err(Refused::Special { host: host.to_owned(), address, reach }),
    }
}

/// Whether an address written in the URL itself may be connected to. Resolvers
/// never see those.
pub(super) fn admit_literal(address: IpAddr, allow_private: bool) -> Result<(), Refused> {
    match Reach::of(address) {
        Reach::Public => Ok(()),
        Reach::Private | Reach::Special if allow_private => Ok(()),
        Reach::Private | Reach::Special => Err(Refused::Literal { address }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn admits_private_addresses_only_for_hosts_listed_exactly() {
        for text in ["127.0.0.1", "10.0.0.1", "::1", "fd12::1", "::ffff:192.168.0.1"] {
            assert!(admit_name("a.example", address(text), false).is_err(), "{text}");
            assert!(admit_name("a.example", address(text), true).is_ok(), "{text}");
            assert!(admit_literal(address(text), false).is_err(), "{text}");
            assert!(admit_literal(address(text), true).is_ok(), "{text}");
        }
    }

    #[test]
    fn never_lets_a_name_lead_to_a_special_address() {
        for text in ["169.254.169.254", "0.0.0.0", "fe80::1", "fd00:ec2::254", "224.0.0.1"] {
            assert!(admit_name("a.example", address(text), false).is_err(), "{text}");
            assert!(admit_name("a.example", address(text), true).is_err(), "{text}");
            assert!(admit_literal(address(text), true).is_ok(), "{text}");
        }
    }

    #[tokio::test]
    async fn refuses_a_name_of_this_machine_as_a_whole() {
        let names = Names::System;
        let resolve = |allow_private| {
            Resolver { names: names.clone(), allow_private }.resolve("localhost".parse().expect("a name"))
        };
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.expect("localhost resolves").count() > 0);
    }
}
