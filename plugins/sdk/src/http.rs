//! Outbound HTTP, performed by the host. Needs a grant `http` that names the scheme, host, port and method.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, http};
//! # fn send() -> Result<(), Failure> {
//! let response = http::post("https://hooks.example.com/build")
//!     .header("x-priority", "high")
//!     .json(&serde_json::json!({ "text": "built" }))
//!     .send()?
//!     .error_for_status()?;
//! # Ok(())
//! # }
//! ```
//!
//! Redirects are not followed: a 3xx is an ordinary response. The host sends `host`, `content-length`,
//! `connection` and `transfer-encoding` itself and refuses them in a request.

mod error;
mod request;
mod response;

pub use error::Error;
pub use request::Request;
pub use response::Response;

/// Starts a GET request to an absolute `http` or `https` URL.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// Starts a POST request to an absolute `http` or `https` URL.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}
