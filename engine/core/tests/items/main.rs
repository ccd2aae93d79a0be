//! Items as their callers see them: workflows as text, commands in, events out.

mod decide;
mod support;
mod walks;
