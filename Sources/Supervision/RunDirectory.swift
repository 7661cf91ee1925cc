import CPlatform
import Foundation
import Logging
import Scheduling

/// The folder that holds all that the controller keeps outside its memory: sockets, records, logs. Mode 0700.
public struct RunDirectory: Sendable {
    /// Absolute.
    public let path: String

    /// The longest path that a Unix socket can have: `sun_path` less its final zero.
    static let longestSocketPath = 107

    public init(path: String) { self.path = path }

    public var controlSocket: String { path + "/control.sock" }
    public var managementSocket: String { path + "/management.sock" }
    var lockFile: String { path + "/controller.lock" }
    var epochFile: String { path + "/epoch" }
    var records: String { path + "/processes" }
    public var logs: String { path + "/logs" }
    private var previousLogs: String { path + "/logs.previous" }
    var temporary: String { path + "/t" }
    var frontEnds: String { path + "/f" }
    var workers: String { path + "/w" }

    public func log(of process: ProcessID) -> String { "\(logs)/\(process).log" }
    public func frontEndSocket(of engine: EngineID) -> String { "\(frontEnds)/\(engine).sock" }

    public func workerSocket(of process: ProcessID) -> String { "\(workers)/\(process).sock" }

    /// Everything that a process makes lies in a folder of its own, whose name no other epoch uses.
    public func temporaryDirectory(of process: ProcessID, epoch: Int) -> String { "\(temporary)/\(epoch)-\(process)" }

    /// Makes the folders, and takes the lock that keeps a second controller out.
    ///
    /// - Returns: the lock; it lasts as long as the value.
    /// - Throws: `ControllerError` with code `conflict` if another controller has it.
    public func open() throws -> RunDirectoryLock {
        let longest = temporaryDirectory(of: ProcessID(number: 999_999), epoch: 99_999) + "/out.sock"
        guard longest.utf8.count <= Self.longestSocketPath else {
            throw ControllerError(
                .badRequest,
                "The run directory's path is too long for sockets: '\(longest)' has \(longest.utf8.count) bytes, and "
                    + "\(Self.longestSocketPath) are possible. Set run_directory to a shorter path.")
        }
        try makeDirectory(path)
        let lock = try RunDirectoryLock(file: lockFile)
        for folder in [records, temporary, frontEnds, workers] { try makeDirectory(folder) }
        // The logs of the last life are kept for whoever looks for the reason of its end.
        if FileManager.default.fileExists(atPath: logs) {
            try? FileManager.default.removeItem(atPath: previousLogs)
            try FileManager.default.moveItem(atPath: logs, toPath: previousLogs)
        }
        try makeDirectory(logs)
        return lock
    }

    /// Removes all that processes have made, whoever they were. Call when none of them lives.
    public func removeProcessFiles(logger: Logger) {
        func trying(_ path: String, _ body: () throws -> Void) {
            do {
                try body()
            } catch {
                logger.error("leftovers not removed", metadata: ["path": "\(path)", "error": "\(error)"])
            }
        }
        for folder in [temporary, frontEnds, workers] {
            trying(folder) {
                for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                    let path = "\(folder)/\(name)"
                    trying(path) { try FileManager.default.removeItem(atPath: path) }
                }
            }
        }
    }

    private func makeDirectory(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // One that was there already may have been open to others.
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    }
}

/// Held by the one controller of a run directory; the kernel drops it with the process.
public final class RunDirectoryLock: Sendable {
    private let descriptor: Int32

    init(file: String) throws {
        descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ControllerError(.internal, "\(file) cannot be opened: \(String(cString: strerror(errno)))")
        }
        guard wc_lock_file(descriptor) == 0 else {
            let owner = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            close(descriptor)
            throw ControllerError(
                .conflict,
                "Another controller (pid \(owner.isEmpty ? "unknown" : owner)) uses this run directory. Stop it, or give "
                    + "this one another run_directory.")
        }
        ftruncate(descriptor, 0)
        let pid = Array("\(getpid())".utf8)
        _ = pid.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }

    deinit { close(descriptor) }
}
