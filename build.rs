//! Makes cargo notice a new migration file: `sqlx::migrate!` embeds the folder, but does not watch it.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
