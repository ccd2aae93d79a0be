//! The project's items. Needs a grant `items` with the scopes that each function names.
//!
//! Only items of the run's own project can be seen or changed; what is changed is changed in the name of the plugin.
//! An item is the JSON object that the API shows.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, items, log};
//! # use serde_json::json;
//! # fn call() -> Result<(), Failure> {
//! for item in items::query().state("open").label("stale").limit(20).find()? {
//!     log::info!("{}", item["title"]);
//! }
//! let bug = items::create(&json!({ "type": "bug", "title": "The build fails" }))?;
//! items::comment("shop-1", &format!("see {}", bug["key"]))?;
//! items::transition("shop-1", "Start", None)?;
//! # Ok(())
//! # }
//! ```

mod error;
mod query;

use serde::Serialize;
use serde_json::Value;

pub use error::Error;
pub use query::Query;

use crate::host::items as host;

/// An item by its id or key. Scope `items:read`.
pub fn get(id: &str) -> Result<Value, Error> {
    decode(&host::get(id)?)
}

/// Starts a query; it finds items once [`Query::find`] is called. Scope `items:read`.
pub fn query() -> Query {
    Query::default()
}

/// Creates an item from an object with `type`, `title` and its fields; returns it. Scope `items:write`.
pub fn create(values: &(impl Serialize + ?Sized)) -> Result<Value, Error> {
    decode(&host::create(&encode(values)?)?)
}

/// Changes fields of an item, given as an object; returns it. Scope `items:write`.
pub fn update(id: &str, values: &(impl Serialize + ?Sized)) -> Result<Value, Error> {
    decode(&host::update(id, &encode(values)?)?)
}

/// Adds a comment to an item. Scope `items:write`.
pub fn comment(id: &str, text: &str) -> Result<(), Error> {
    Ok(host::comment(id, text)?)
}

/// Takes a transition of an item by its name; returns the item. Scope `transitions:write`.
pub fn transition(id: &str, name: &str, comment: Option<&str>) -> Result<Value, Error> {
    decode(&host::transition(id, name, comment)?)
}

fn encode(values: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    serde_json::to_string(values).map_err(|error| Error::Invalid(format!("the values have no JSON form: {error}")))
}

fn decode(item: &str) -> Result<Value, Error> {
    serde_json::from_str(item).map_err(|error| Error::Invalid(format!("the item is not JSON: {error}")))
}
