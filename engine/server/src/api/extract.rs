//! What handlers take and give, with what the OpenAPI document says of it: the same types extract, answer and describe.
//!
//! Whatever does not fit is refused with a problem.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, NoContent, Response};
use kiket_core::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::body::Object;
use super::contract::{Answer, Contract, Part};
use super::{Api, Problem, body};

/// Segments of the path. What they look like, the table of [`super::contract`] says by their names.
pub(super) struct Path<T>(pub(super) T);

/// The query: one parameter for each field of `T`.
pub(super) struct Query<T>(pub(super) T);

/// A body or an answer of JSON.
pub(super) struct Json<T>(pub(super) T);

/// A body of JSON that may be left out.
pub(super) struct Maybe<T>(pub(super) T);

/// A body as it came, which the handler reads as a `T` itself.
pub(super) struct Raw<T> {
    pub(super) bytes: Bytes,
    kind: PhantomData<T>,
}

/// An answer of JSON with another status than 200.
pub(super) struct Answered<const STATUS: u16, T>(T);

impl<const STATUS: u16, T> Answered<STATUS, T> {
    /// Wraps an answer.
    pub(super) fn new(answer: T) -> Self {
        Self(answer)
    }
}

/// Something was made.
pub(super) type Created<T> = Answered<201, T>;
/// Something will be done.
pub(super) type Accepted<T> = Answered<202, T>;

/// One page of a list.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Page<T, C = String> {
    /// What was asked for.
    pub(super) data: Vec<T>,
    /// What to give as `cursor` for the next page; null on the last one.
    pub(super) next_cursor: Option<C>,
}

impl<T, C> Page<T, C> {
    /// A list that is always whole.
    pub(super) fn whole(data: Vec<T>) -> Self {
        Self { data, next_cursor: None }
    }
}

/// A point in time as people and programs read it: RFC 3339.
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        Timestamp::json_schema(schemas)
    }
}

/// A place in an order that is counted from 0, and what JSON's numbers hold of it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Place(i64);

impl Place {
    const LAST: i64 = (1 << 53) - 1;

    /// The number.
    pub(super) fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Place {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, String> {
        match number {
            0..=Self::LAST => Ok(Self(number)),
            _ => Err(format!("it is 0 to {}", Self::LAST)),
        }
    }
}

impl JsonSchema for Place {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": Self::LAST })
    }
}

/// How many rows of a list to return: 1 to 200.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Limit(u32);

impl Limit {
    const MOST: u32 = 200;

    /// The number.
    pub(super) fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u32> for Limit {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            1..=Self::MOST => Ok(Self(number)),
            _ => Err(format!("it is 1 to {}", Self::MOST)),
        }
    }
}

impl JsonSchema for Limit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": Self::MOST, "default": 50 })
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let axum::extract::Path(found) = axum::extract::Path::from_request_parts(parts, api).await?;
        Ok(Self(found))
    }
}

impl<T> Part for Path<T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.fails(&[400, 404]);
    }
}

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let axum::extract::Query(found) = axum::extract::Query::from_request_parts(parts, api).await?;
        Ok(Self(found))
    }
}

impl<T: JsonSchema> Part for Query<T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.query::<T>();
        contract.fails(&[400]);
    }
}

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let axum::Json(Object(found)) = axum::Json::from_request(request, api).await?;
        Ok(Self(found))
    }
}

impl<T: JsonSchema> Part for Json<T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.body::<T>(true);
        contract.fails(&[400, 413, 415, 422]);
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Api> for Maybe<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, api).await?;
        Ok(Self(body::read(&bytes)?))
    }
}

impl<T: JsonSchema> Part for Maybe<T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.body::<T>(false);
        contract.fails(&[400, 413, 422]);
    }
}

impl<T> FromRequest<Api> for Raw<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        Ok(Self { bytes: Bytes::from_request(request, api).await?, kind: PhantomData })
    }
}

impl<T: JsonSchema> Part for Raw<T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.body::<T>(true);
        contract.fails(&[400, 413, 422]);
    }
}

impl Part for HeaderMap {
    fn describe(_: &mut Contract<'_>) {}
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: Serialize + JsonSchema> Answer for Json<T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.answers::<T>(200);
    }
}

impl<const STATUS: u16, T: Serialize> IntoResponse for Answered<STATUS, T> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(STATUS).unwrap_or_default();
        (status, axum::Json(self.0)).into_response()
    }
}

impl<const STATUS: u16, T: Serialize + JsonSchema> Answer for Answered<STATUS, T> {
    fn describe(contract: &mut Contract<'_>) {
        contract.answers::<T>(STATUS);
    }
}

impl Answer for NoContent {
    fn describe(contract: &mut Contract<'_>) {
        contract.answers_nothing(204);
    }
}

/// What it is, the operation itself says.
impl Answer for Response {
    fn describe(_: &mut Contract<'_>) {}
}
