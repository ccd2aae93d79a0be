//! What a test has not: every function answers that it is denied.

/// Interfaces of which only the types are there: those that this crate uses, and the functions.
macro_rules! absent {
    ($($interface:ident [$($known:ident),*] { $($function:ident($($argument:ty),*) -> $answer:ty;)+ })+) => {
        $(pub(crate) mod $interface {
            pub(crate) use crate::bindings::kiket::plugin::$interface::{Error, $($known),*};

            $(pub(crate) fn $function($(_: $argument),*) -> Result<$answer, Error> {
                let interface = stringify!($interface);
                Err(Error::Denied(format!("a test has no {interface}")))
            })+
        })+
    };
}

absent! {
    workspace [Entry, Kind] {
        entries(&str) -> Vec<Entry>;
        read(&str, u64, u32) -> Vec<u8>;
        write(&str, &[u8]) -> ();
        append(&str, &[u8]) -> ();
        set_executable(&str, bool) -> ();
        remove(&str) -> ();
    }
    artifacts [Artifact, Kind] {
        put(&str, &[u8]) -> Artifact;
        keep(&str, &str) -> Artifact;
        find(&str) -> Artifact;
        newest(&str) -> Artifact;
        read(&str, u64, u32) -> Vec<u8>;
        place(&str, &str) -> ();
    }
    process [Command, Finished, Status] {
        run(&Command) -> Finished;
    }
    items [Query] {
        get(&str) -> String;
        find(&Query) -> Vec<String>;
        create(&str) -> String;
        update(&str, &str) -> String;
        comment(&str, &str) -> ();
        transition(&str, &str, Option<&str>) -> String;
    }
    mail [Credentials, Message, Security, Server] {
        send(&Server, &Message) -> String;
    }
    deployments [Release] {
        prepare(&str, &str) -> Release;
        probe(&str, &str) -> u16;
        activate(&str) -> Option<Release>;
        live(&str) -> Option<Release>;
        previous(&str) -> Option<Release>;
    }
}
