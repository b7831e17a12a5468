fn main() {
    // Before anything else: the service starts itself again to read files behind a fence.
    svc_assistants::extraction::child::run_if_asked();
}
