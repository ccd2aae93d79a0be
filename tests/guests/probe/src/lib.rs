//! The plugin that tests and benchmarks call.
//!
//! It is never shipped. [`ordinary`] actions do what they are told, [`hostile`] ones try what a sandbox must survive.

mod hostile;
mod ordinary;

use kiket_plugin::plugin;

plugin! {
    manifest: "manifest.yaml",
    actions: {
        "noop" => ordinary::noop,
        "echo" => ordinary::echo,
        "work" => ordinary::work,
        "count" => ordinary::count,
        "progress" => ordinary::report_progress,
        "fetch" => ordinary::fetch,
        "big" => ordinary::big,
        "fail" => ordinary::fail,
        "spin" => hostile::spin,
        "hog" => hostile::hog,
        "flood" => hostile::flood,
        "recurse" => hostile::recurse,
        "trap" => hostile::trap,
        "panic" => hostile::panic,
    }
}
