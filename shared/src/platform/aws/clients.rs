//! The AWS clients of one running instance: each is built once and then shared, because building one is
//! a good part of a start.

use std::sync::{Arc, OnceLock};

/// The clients that were built so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Clients(Option<Arc<Built>>);

#[derive(Debug, Default)]
struct Built {
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

impl Clients {
    /// For one instance, whose variables do not change.
    pub fn of_instance() -> Self {
        Self(Some(Arc::default()))
    }

    /// For callers with variables of different accounts: a client is built each time.
    pub fn none() -> Self {
        Self::default()
    }

    pub(super) fn dynamodb<E>(
        &self,
        build: impl FnOnce() -> Result<aws_sdk_dynamodb::Client, E>,
    ) -> Result<aws_sdk_dynamodb::Client, E> {
        once(self.0.as_deref().map(|built| &built.dynamodb), build)
    }

    pub(super) fn sqs<E>(
        &self,
        build: impl FnOnce() -> Result<aws_sdk_sqs::Client, E>,
    ) -> Result<aws_sdk_sqs::Client, E> {
        once(self.0.as_deref().map(|built| &built.sqs), build)
    }
}

/// What is in `place`, or what `build` builds for it. Without a place it is built each time.
fn once<C: Clone, E>(
    place: Option<&OnceLock<C>>,
    build: impl FnOnce() -> Result<C, E>,
) -> Result<C, E> {
    let Some(place) = place else { return build() };
    match place.get() {
        Some(client) => Ok(client.clone()),
        None => build().map(|client| place.get_or_init(|| client).clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_builds_once_what_can_be_built() {
        let place = OnceLock::new();
        assert_eq!(once(Some(&place), || Err::<u8, _>("no region")), Err("no region"));
        assert_eq!(once(Some(&place), || Ok::<_, &str>(1)), Ok(1));
        assert_eq!(once(Some(&place), || Ok::<_, &str>(2)), Ok(1));
        assert_eq!(once(None, || Ok::<_, &str>(3)), Ok(3));
    }
}
