//! The functions of the host, answered from the world of a test: the same names and types as in the bindings.

mod absent;
pub(crate) mod http;

pub(crate) use absent::{artifacts, deployments, items, mail, process, workspace};

pub(crate) mod log {
    pub(crate) use crate::bindings::kiket::plugin::log::Level;
    use crate::log;
    use crate::testing::world::with;

    pub(crate) fn line(level: Level, text: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        with(|world| world.log.extend(text.lines().map(|line| (level, line.to_owned()))));
    }
}

pub(crate) mod progress {
    pub(crate) use crate::bindings::kiket::plugin::progress::Status;
    use crate::testing::world::with;

    pub(crate) fn report(status: &Status) {
        with(|world| world.progress.push((status.message.clone(), status.done, status.total)));
    }
}

pub(crate) mod clock {
    use crate::testing::world::with;

    pub(crate) fn now() -> u64 {
        with(|world| u64::try_from(world.clock.as_millis()).unwrap_or(u64::MAX))
    }
}

pub(crate) mod secrets {
    pub(crate) use crate::bindings::kiket::plugin::secrets::{Algorithm, Error};
    use crate::testing::world::with;

    pub(crate) fn placeholder(name: &str) -> Result<String, Error> {
        reveal(name).map(|_| super::placeholder(name))
    }

    /// No signature, but something that tells secrets, algorithms and texts apart.
    pub(crate) fn sign(name: &str, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signed = format!("{algorithm:?} with {}: ", reveal(name)?).into_bytes();
        signed.extend(data);
        Ok(signed)
    }

    pub(crate) fn reveal(name: &str) -> Result<String, Error> {
        let found = with(|world| world.secrets.get(name).cloned());
        found.ok_or_else(|| Error::Denied(format!("the test has no secret `{name}`")))
    }
}

pub(crate) mod kv {
    pub(crate) use crate::bindings::kiket::plugin::kv::Error;
    use crate::testing::world::with;

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(with(|world| world.kv.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), Error> {
        with(|world| world.kv.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(crate) fn remove(key: &str) -> Result<bool, Error> {
        Ok(with(|world| world.kv.remove(key).is_some()))
    }

    pub(crate) fn swap(key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool, Error> {
        with(|world| {
            if world.kv.get(key).map(Vec::as_slice) != expected {
                return Ok(false);
            }
            match value {
                Some(value) => world.kv.insert(key.to_owned(), value.to_vec()),
                None => world.kv.remove(key),
            };
            Ok(true)
        })
    }

    pub(crate) fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
        let is_wanted = |key: &&String| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after);
        Ok(with(|world| world.kv.keys().filter(is_wanted).take(limit as usize).cloned().collect()))
    }
}

/// What stands for a secret in this world.
fn placeholder(name: &str) -> String {
    format!("kiket-secret.test.{name}.")
}
