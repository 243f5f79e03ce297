//! The `fetch-data` function's binary.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::http_function::Error> {
    shared::lambda::http_function::run::<fetch_data::FetchData>().await
}
