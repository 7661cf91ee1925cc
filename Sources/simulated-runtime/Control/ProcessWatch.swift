import Dispatch

/// Waiting for the end of a process by its pidfd.
enum ProcessWatch {
    private static let queue = DispatchQueue(label: "process-watch")

    /// Returns when the process behind the descriptor has ended. (NIO cannot watch a pidfd: reading it fails.)
    static func end(of pidfd: Int32) async {
        await withCheckedContinuation { continuation in
            let source = DispatchSource.makeReadSource(fileDescriptor: pidfd, queue: queue)
            source.setEventHandler { source.cancel() }
            source.setCancelHandler { continuation.resume() }
            source.activate()
        }
    }
}
