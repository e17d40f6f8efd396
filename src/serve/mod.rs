//! Local web pages: a person answers in a browser of this machine, and every answer is on the disk before the page
//! moves on. The reader study is [`reading`], the review of directions [`review`]; what any page needs to be safe
//! stands beside them.
//!
//! A page is reached through 127.0.0.1 alone, by whoever holds the token of the printed address. What a browser can be
//! made to send by a page of somebody else is refused before it reaches a handler ([`guard`]); what a program can do to
//! a socket is bounded ([`limits`]).

pub mod limits;

pub mod token;

mod guard;

mod reply;

pub mod server;

pub mod reading;

pub mod review;
