//! Promises that were rejected and that nobody handles: a script that leaves one has failed.

use std::cell::RefCell;

use boa_engine::builtins::promise::{OperationType, Promise, PromiseState};
use boa_engine::context::HostHooks;
use boa_engine::object::builtins::JsPromise;
use boa_engine::{Context, JsError, JsObject, JsResult};

/// Follows rejected promises until somebody handles them.
#[derive(Default)]
pub(super) struct Rejections {
    unhandled: RefCell<Vec<JsObject<Promise>>>,
}

impl Rejections {
    /// Throws what the oldest unhandled promise was rejected with, where there is one.
    pub(super) fn first_unhandled(&self) -> JsResult<()> {
        let Some(oldest) = self.unhandled.borrow().first().cloned() else {
            return Ok(());
        };
        match JsPromise::from_object(oldest.upcast())?.state() {
            PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
            PromiseState::Fulfilled(_) | PromiseState::Pending => Ok(()),
        }
    }
}

impl HostHooks for Rejections {
    fn promise_rejection_tracker(&self, promise: &JsObject<Promise>, operation: OperationType, _: &mut Context) {
        let mut unhandled = self.unhandled.borrow_mut();
        match operation {
            OperationType::Reject => unhandled.push(promise.clone()),
            OperationType::Handle => unhandled.retain(|known| !JsObject::equals(known, promise)),
        }
    }

    /// The sandbox has no time zone.
    fn local_timezone_offset_seconds(&self, _: i64) -> i32 {
        0
    }
}
