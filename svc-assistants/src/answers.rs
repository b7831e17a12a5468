//! Answering: the prompt within its bound, providers in their order, an honest end, and the numbers that money hangs on.

mod attempt;
pub mod attempts;
mod built_in;
pub mod citations;
pub mod prompt;
pub mod recent;
pub mod rpc;
mod run;
pub mod usage;
