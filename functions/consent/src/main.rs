//! The `consent` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::http_function::Error> {
    shared::lambda::http_function::run::<consent::ConsentFunction>().await
}
