//! Items as their callers see them: workflows as text, commands in, events out.

mod decide;
mod guards;
mod support;
mod walks;
