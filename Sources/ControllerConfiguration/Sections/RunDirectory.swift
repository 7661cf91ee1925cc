/// Where sockets live, which limits how long its path may be.
enum RunDirectory {
    /// What the kernel takes as the path of a Unix socket, in bytes.
    private static let longestSocketPath = 107
    /// The longest that is ever made under the run directory.
    private static let longestSocket = "/f/e-99999.sock"

    static func read(_ reader: NodeReader?, paths: PathResolver, diagnostics: Diagnostics) -> String {
        let path = paths.absolute(reader?.text() ?? "run")
        let length = (path + longestSocket).utf8.count
        if length > longestSocketPath {
            diagnostics.report(
                reader?.line,
                "run_directory is too long: the sockets in \(path) would have paths of \(length) bytes, and the system "
                    + "takes \(longestSocketPath)",
                "name one that is at least \(length - longestSocketPath) bytes shorter, as in run_directory: "
                    + "/tmp/worker-controller")
        }
        return path
    }
}
