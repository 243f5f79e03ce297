//! Wiring of fetch-data.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::http_function::Error> {
    shared::http_function::run::<fetch_data::FetchData>().await
}
