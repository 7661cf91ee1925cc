import Foundation

/// The programs under test: those that were built with the tests.
public enum Binaries {
    public static let controller = folder + "/worker-controller"
    public static let simulatedRuntime = folder + "/simulated-runtime"

    /// Beside the test bundle, unless the environment names another folder.
    private static let folder: String =
        ProcessInfo.processInfo.environment["WORKER_CONTROLLER_BINARIES"]
        ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
}
