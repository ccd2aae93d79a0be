//! Which addresses are public.
//!
//! IPv4 follows IANA's special-purpose registry; IPv6 is the other way round:
//! only the global unicast block `2000::/3` can be public, less what is carved
//! out of it. An IPv6 address that carries an IPv4 address is what it carries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The public Internet.
    Public,
    /// This machine or its networks: loopback, private, unique local, shared
    /// (carrier-grade NAT).
    Private,
    /// Nothing a name should ever lead to: link-local, cloud metadata,
    /// unspecified, multicast, documentation, reserved.
    Special,
}

impl Reach {
    /// Where `address` leads.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => v4(address),
            IpAddr::V6(address) => v6(address),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reach::Public => "public",
            Reach::Private => "private",
            Reach::Special => "special-purpose",
        })
    }
}

/// Platform addresses that hand out credentials or configuration and lie inside
/// otherwise ordinary ranges: Alibaba's metadata service and Azure's host agent.
const PLATFORM_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];

/// The same for IPv6: the metadata service of AWS.
const PLATFORM_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

fn v4(address: Ipv4Addr) -> Reach {
    if PLATFORM_V4.contains(&address) {
        return Reach::Special;
    }
    match address.octets() {
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        [0, ..]                     // this network
        | [169, 254, ..]            // link-local
        | [192, 0, 0 | 2, _]        // protocol assignments, documentation
        | [192, 88, 99, _]          // 6to4 relays
        | [198, 18 | 19, ..]        // benchmarks
        | [198, 51, 100, _]         // documentation
        | [203, 0, 113, _]          // documentation
        | [224..=255, ..]             // multicast, reserved, broadcast
            => Reach::Special,
        _ => Reach::Public,
    }
}

fn v6(address: Ipv6Addr) -> Reach {
    if address == PLATFORM_V6 {
        return Reach::Special;
    }
    if address == Ipv6Addr::LOCALHOST {
        return Reach::Private;
    }
    match address.segments() {
        // Mapped, NAT64 and the dead IPv4-compatible form carry IPv4 in the last 32 bits, 6to4 after its prefix.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(carried(high, low)),
        [0x2002, high, low, ..] => v4(carried(high, low)),
        [0xfc00..=0xfdff, ..]       // unique local
        | [0xfec0..=0xfeff, ..]     // site-local, before there was unique local
        | [0x64, 0xff9b, 1, ..]     // NAT64 of the local network
            => Reach::Private,
        [0x2001, 0..=0x1ff, ..]     // protocol assignments, Teredo among them
        | [0x2001, 0xdb8, ..]       // documentation
        | [0x3fff, 0..=0xfff, ..]   // documentation
            => Reach::Special,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Special,
    }
}

fn carried(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_addresses_lead() {
        use Reach::{Private, Public, Special};
        for (address, expected) in [
            ("1.1.1.1", Public),
            ("9.255.255.255", Public),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("126.255.255.255", Public),
            ("128.0.0.1", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("192.0.1.1", Public),
            ("192.167.255.255", Public),
            ("198.17.255.255", Public),
            ("198.20.0.0", Public),
            ("223.255.255.255", Public),
            ("10.0.0.1", Private),
            ("127.0.0.1", Private),
            ("127.255.255.254", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("100.127.255.255", Private),
            ("0.0.0.0", Special),
            ("0.1.2.3", Special),
            ("169.254.0.1", Special),
            ("169.254.169.254", Special),
            ("100.100.100.200", Special),
            ("168.63.129.16", Special),
            ("192.0.0.1", Special),
            ("192.0.2.1", Special),
            ("192.88.99.1", Special),
            ("198.18.0.1", Special),
            ("198.19.255.255", Special),
            ("198.51.100.7", Special),
            ("203.0.113.7", Special),
            ("224.0.0.1", Special),
            ("239.255.255.255", Special),
            ("240.0.0.1", Special),
            ("255.255.255.255", Special),
            ("2606:4700:4700::1111", Public),
            ("2001:4860:4860::8888", Public),
            ("2001:200::1", Public),
            ("2a00:1450:4001:81b::200e", Public),
            ("::ffff:1.1.1.1", Public),
            ("64:ff9b::1.1.1.1", Public),
            ("2002:0101:0101::1", Public),
            ("::1", Private),
            ("fc00::1", Private),
            ("fdff:ffff::1", Private),
            ("fec0::1", Private),
            ("::ffff:127.0.0.1", Private),
            ("::ffff:10.0.0.1", Private),
            ("::ffff:7f00:1", Private),
            ("64:ff9b::127.0.0.1", Private),
            ("64:ff9b::10.1.2.3", Private),
            ("64:ff9b:1::1.1.1.1", Private),
            ("2002:7f00:0001::1", Private),
            ("2002:c0a8:0101::1", Private),
            ("::", Special),
            ("::127.0.0.1", Special),
            ("::ffff:169.254.169.254", Special),
            ("64:ff9b::a9fe:a9fe", Special),
            ("2002:a9fe:a9fe::1", Special),
            ("fe80::1", Special),
            ("febf::1", Special),
            ("fd00:ec2::254", Special),
            ("ff02::1", Special),
            ("100::1", Special),
            ("2001::1", Special),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Special),
            ("2001:db8::1", Special),
            ("3fff::1", Special),
            ("4000::1", Special),
            ("5f00::1", Special),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(Reach::of(address), expected, "{address}");
        }
    }
}
