//! The `reconcile` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::scheduled_function::Error> {
    shared::lambda::scheduled_function::run::<reconcile::Reconcile>().await
}
