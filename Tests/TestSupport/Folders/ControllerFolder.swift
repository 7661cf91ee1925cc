import Foundation

/// A folder with a config, models and a run directory, for one controller after the other.
///
/// Its path is in the arguments of every process that belongs to it, and in no other's.
public final class ControllerFolder: Sendable {
    public let path: String
    public var runDirectory: String { path + "/run" }
    public var config: String { path + "/worker-controller.yaml" }

    /// What a controller leaves on purpose: for the next one, or for people.
    private static let kept: Set = ["controller.lock", "epoch", "logs", "logs.previous", "processes", "f", "t", "w"]

    init(_ setup: ControllerSetup) throws {
        // Short, because paths of sockets are.
        var template = Array("/tmp/wc-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(String(cString: strerror(errno)))") }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        for model in setup.models { try model.files.write(to: modelFolder(model.name)) }
        try write(setup)
    }

    /// Replaces the config.
    public func write(_ setup: ControllerSetup) throws {
        try Data(setup.yaml().utf8).write(to: URL(fileURLWithPath: config))
    }

    public func modelFolder(_ model: String) -> String { "\(path)/models/\(model)" }

    /// Processes that belong to this folder, the controller among them.
    public var processes: [ProcessTable.Entry] { ProcessTable.processes(naming: path) }

    /// What is there that should not be, once a controller has ended in peace.
    public func leftovers() -> [String] {
        var found = processes.map { "process \($0)" }
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: runDirectory)) ?? []
        found += names.filter { !Self.kept.contains($0) }.map { "file \($0)" }
        for folder in ["processes", "f", "t", "w"] {
            let names = (try? files.contentsOfDirectory(atPath: "\(runDirectory)/\(folder)")) ?? []
            found += names.map { "file \(folder)/\($0)" }
        }
        return found
    }

    /// Ends everything that is left, and removes the folder.
    func remove() async {
        // A process may fork another while we look: until there is none.
        for _ in 0..<100 {
            let left = processes
            if left.isEmpty { break }
            for process in left { try? ProcessTable.kill(process.pid) }
            try? await Task.sleep(for: .milliseconds(20))
        }
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Runs a test in a folder of its own. Whatever becomes of the test, its processes and its files end with it.
public func withControllerFolder(
    _ setup: ControllerSetup, _ body: (ControllerFolder) async throws -> Void
) async throws {
    let folder = try ControllerFolder(setup)
    do {
        try await body(folder)
    } catch {
        await folder.remove()
        throw error
    }
    await folder.remove()
}

/// Runs a test with a controller, which then has to stop in peace and leave nothing.
public func withController(
    _ setup: ControllerSetup, _ body: (RunningController) async throws -> Void
) async throws {
    try await withControllerFolder(setup) { folder in
        let controller = try await folder.start()
        do {
            try await body(controller)
            if controller.process.exitNow == nil { try await controller.stop() }
            try folder.expectNothingLeft()
        } catch {
            throw TestFailure("\(error)\nThe controller says:\n\(controller.process.errorText)")
        }
    }
}

extension ControllerFolder {
    public func expectNothingLeft() throws {
        let leftovers = leftovers()
        guard leftovers.isEmpty else { throw TestFailure("left over: \(leftovers.joined(separator: "; "))") }
    }
}
