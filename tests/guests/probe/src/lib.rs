//! The plugin that tests and benchmarks call.
//!
//! It is never shipped. [`ordinary`] actions do what they are told, [`hostile`] ones try what a sandbox must survive.

mod calls;
mod effects;
mod exchange;
mod hostile;
mod items;
mod ordinary;
mod sites;
mod values;

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
        "exchange" => exchange::exchange,
        "pay" => effects::pay,
        "pretend" => effects::pay,
        "items_get" => items::get,
        "items_find" => items::find,
        "items_create" => items::create,
        "items_update" => items::update,
        "items_comment" => items::comment,
        "items_transition" => items::transition,
        "big" => ordinary::big,
        "fail" => ordinary::fail,
        "call" => calls::call,
        "keep" => sites::keep,
        "site" => sites::site,
        "look" => sites::site,
        "kept" => values::kept,
        "sign" => values::sign,
        "transfer" => values::transfer,
        "spin" => hostile::spin,
        "hog" => hostile::hog,
        "flood" => hostile::flood,
        "recurse" => hostile::recurse,
        "trap" => hostile::trap,
        "panic" => hostile::panic,
    },
    checks: { "transfer" => values::was_transferred }
}
