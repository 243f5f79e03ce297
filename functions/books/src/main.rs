//! The `books` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::scheduled_function::Error> {
    shared::lambda::scheduled_function::run::<books::BooksFunction>().await
}
