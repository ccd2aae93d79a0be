//! The ways to an address that nobody granted.

/// One way. In every text `{port}` is the trap's and `{own}` an address of this machine.
pub(super) struct Vector {
    pub(super) method: &'static str,
    pub(super) url: &'static str,
    pub(super) field: Option<(&'static str, &'static str)>,
    /// `denied`, or `invalid_input` where it is not even a request.
    pub(super) ends: &'static str,
}

const fn denied(url: &'static str) -> Vector {
    Vector { method: "GET", url, field: None, ends: "denied" }
}

const fn invalid(url: &'static str) -> Vector {
    Vector { method: "GET", url, field: None, ends: "invalid_input" }
}

/// The address is one that a grant admits: it is the method or the field that must not leave.
const fn smuggled(method: &'static str, name: &'static str, value: &'static str) -> Vector {
    Vector { method, url: "http://exact.example:{port}/", field: Some((name, value)), ends: "invalid_input" }
}

/// Addresses written out, in every spelling. No grant lists them.
pub(super) const LITERALS: [Vector; 46] = [
    denied("http://127.0.0.1:{port}/"),
    denied("http://127.1:{port}/"),
    denied("http://127.0.1:{port}/"),
    denied("http://2130706433:{port}/"),
    denied("http://0x7f000001:{port}/"),
    denied("http://0x7f.1:{port}/"),
    denied("http://0x7f.0x0.0x0.0x1:{port}/"),
    denied("http://0177.0.0.1:{port}/"),
    denied("http://017700000001:{port}/"),
    denied("http://127.0.0.000001:{port}/"),
    denied("http://127.255.255.254:{port}/"),
    denied("http://0:{port}/"),
    denied("http://0.0.0.0:{port}/"),
    denied("http://{own}:{port}/"),
    denied("http://[::1]:{port}/"),
    denied("http://[0:0:0:0:0:0:0:1]:{port}/"),
    denied("http://[::]:{port}/"),
    denied("http://[::ffff:127.0.0.1]:{port}/"),
    denied("http://[::ffff:7f00:1]:{port}/"),
    denied("http://[::127.0.0.1]:{port}/"),
    denied("http://[64:ff9b::127.0.0.1]:{port}/"),
    denied("http://[64:ff9b:1::127.0.0.1]:{port}/"),
    denied("http://[2002:7f00:1::]:{port}/"),
    denied("http://[fe80::1]:{port}/"),
    denied("http://[fd00:ec2::254]:{port}/"),
    denied("http://169.254.169.254/latest/meta-data/"),
    denied("http://2852039166/latest/meta-data/"),
    denied("http://[::ffff:a9fe:a9fe]/latest/meta-data/"),
    denied("http://100.100.100.200/latest/meta-data/"),
    denied("http://168.63.129.16/metadata"),
    denied("http://10.0.0.1:{port}/"),
    denied("http://172.16.0.1:{port}/"),
    denied("http://192.168.0.1:{port}/"),
    denied("http://100.64.0.1:{port}/"),
    denied("http://198.18.0.1:{port}/"),
    denied("http://224.0.0.1:{port}/"),
    denied("http://255.255.255.255:{port}/"),
    denied("http://１２７.0.0.1:{port}/"),
    denied("http://①②⑦.⓪.⓪.①:{port}/"),
    denied("http://127。0。0。1:{port}/"),
    denied("http://%31%32%37.0.0.1:{port}/"),
    denied("http://127.0.0.1:0/"),
    denied("http://127.0.0.1.:{port}/"),
    invalid("http://[fe80::1%25lo]:{port}/"),
    invalid("http://[::1%lo]:{port}/"),
    invalid("http://127.0.0.1:65536/"),
];

/// URLs that two parsers could read in two ways, and that are no URLs of this kind. `exact.example` is granted.
pub(super) const DISGUISES: [Vector; 26] = [
    denied("http:127.0.0.1:{port}/"),
    denied("http:/127.0.0.1:{port}/"),
    denied("http:///127.0.0.1:{port}/"),
    denied("HTTP://LOCALHOST:{port}/"),
    denied("http://ⓛocalhost:{port}/"),
    denied("http://127.0.0.1:{port}#@exact.example:{port}/"),
    denied("http://127.0.0.1:{port}?@exact.example:{port}/"),
    denied("http://127.0.0.1:{port}/@exact.example:{port}/"),
    denied("http://exact.example.localhost:{port}/"),
    // The name, and not what is below it; and this port, and no other.
    denied("http://below.exact.example:81/"),
    denied("http://exact.example/"),
    denied("https://exact.example:{port}/"),
    denied("http://exact.example:0/"),
    invalid("http://exact.example:{port}@127.0.0.1:{port}/"),
    invalid("http://exact.example@127.0.0.1:{port}/"),
    invalid("http://127.0.0.1:{port}\\@exact.example:{port}/"),
    invalid("http:\\\\127.0.0.1:{port}/"),
    invalid("http://exact.example.:{port}/"),
    invalid("http://exact.ex\tample:{port}/"),
    invalid("http://exact.example:{port}/\r\nHost: 127.0.0.1"),
    invalid("http://127.0.0.1\0.exact.example:{port}/"),
    invalid("http://127.0.0.1%00.exact.example:{port}/"),
    invalid("//127.0.0.1:{port}/"),
    invalid("file:///etc/passwd"),
    invalid("gopher://127.0.0.1:{port}/_GET"),
    invalid("http+unix://%2Frun%2Fsocket/"),
];

/// Requests to where a grant leads, with something in them that would make them another one.
pub(super) const SMUGGLED: [Vector; 15] = [
    smuggled("GET", "host", "127.0.0.1"),
    smuggled("GET", "Host", "127.0.0.1"),
    smuggled("GET", "Host ", "127.0.0.1"),
    smuggled("GET", ":authority", "127.0.0.1"),
    smuggled("GET", "x", "a\r\nhost: 127.0.0.1"),
    smuggled("GET", "x\r\nhost", "127.0.0.1"),
    smuggled("GET", "x", "a\nb"),
    smuggled("GET", "content-length", "0"),
    smuggled("GET", "transfer-encoding", "chunked"),
    smuggled("GET", "upgrade", "h2c"),
    smuggled("GET", "proxy-connection", "keep-alive"),
    smuggled("GET http://127.0.0.1/ HTTP/1.1\r\nx:", "x", "y"),
    smuggled("GET\r\n", "x", "y"),
    smuggled("CONNECT", "x", "y"),
    smuggled("TRACE", "x", "y"),
];

/// Names below `*.example`, which is granted, and what a resolver says of them. One answer for
/// each time it is asked; the last one stays.
pub(super) const NAMES: [(&str, &[&[&str]]); 22] = [
    ("loopback.example", &[&["127.0.0.1"]]),
    ("loopback-6.example", &[&["::1"]]),
    ("mapped.example", &[&["::ffff:127.0.0.1"]]),
    ("compatible.example", &[&["::127.0.0.1"]]),
    ("translated.example", &[&["64:ff9b::127.0.0.1"]]),
    ("tunnelled.example", &[&["2002:7f00:1::"]]),
    ("anywhere.example", &[&["0.0.0.0"]]),
    ("anywhere-6.example", &[&["::"]]),
    ("own.example", &[&["{own}"]]),
    ("metadata.example", &[&["169.254.169.254"]]),
    ("metadata-6.example", &[&["fd00:ec2::254"]]),
    ("link-local.example", &[&["fe80::1"]]),
    ("unique-local.example", &[&["fd12::1"]]),
    ("private.example", &[&["10.1.2.3"]]),
    ("shared.example", &[&["100.64.1.1"]]),
    ("multicast.example", &[&["224.0.0.1"]]),
    // `3000::1` counts as public and is nobody's: that block was never given out.
    ("mixed.example", &[&["3000::1", "127.0.0.1"]]),
    ("mixed-the-other-way.example", &[&["127.0.0.1", "3000::1"]]),
    ("mixed-with-metadata.example", &[&["3000::1", "169.254.169.254", "3000::2"]]),
    ("deep.below.example", &[&["127.0.0.1"]]),
    ("xn--bcher-kva.example", &[&["127.0.0.1"]]),
    ("localtest.example", &[&["127.0.0.1", "::1"]]),
];

/// Names that are granted exactly, which admits private addresses and still none of these.
pub(super) const EXACT: [(&str, &[&[&str]]); 4] = [
    ("exact-metadata.test", &[&["169.254.169.254"]]),
    ("exact-mixed.test", &[&["127.0.0.1", "169.254.169.254"]]),
    ("exact-anywhere.test", &[&["0.0.0.0"]]),
    ("exact-link-local.test", &[&["fe80::1"]]),
];

/// Names besides those of the vectors.
pub(super) const MORE: [(&str, &[&[&str]]); 3] = [
    ("exact.example", &[&["127.0.0.1"]]),
    ("rebinding.example", &[&["3000::1"], &["127.0.0.1"]]),
    ("flipping.test", &[&["127.0.0.1"], &["169.254.169.254"]]),
];
