//! Reads about a linked account.

mod mono;
mod mtn;
mod mtn_crash;
mod mtn_deferred;
