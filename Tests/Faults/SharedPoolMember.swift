import Foundation
import TestSupport

/// One of the engines that share a pool: how it is made and ended, and what is expected of it.
struct SharedPoolMember: Sendable {
    enum Kind {
        /// The config names its model.
        case configured
        /// Made by `POST /engines`.
        case rest
        case commandLine
        /// A user's process.
        case user
    }

    enum State {
        case absent
        /// It has no processes, and is listed: its model was made by somebody.
        case stopped
        case parked
        case ready
    }

    static let all: [SharedPoolMember] = [
        .init("pair", .configured, 2), .init("one", .configured, 1), .init("two", .configured, 1),
        .init("rest1", .rest, 1), .init("rest2", .rest, 2), .init("command1", .commandLine, 1),
        .init("command2", .commandLine, 2), .init("user1", .user, 1), .init("user2", .user, 2),
    ]
    static let configuredModels = all.filter { $0.kind == .configured }.map {
        TestModel.remote($0.name, workers: $0.size)
    }

    let name: String
    let kind: Kind
    /// How many workers it wants.
    let size: Int
    var state = State.absent
    /// In `GET /engines`.
    var id: String
    /// Its own, and its workers', by their pids.
    var processes: [Int] = []
    var workers: [Int] = []
    var executor: UserExecutor?

    private init(_ name: String, _ kind: Kind, _ size: Int) {
        (self.name, self.kind, self.size) = (name, kind, size)
        id = name
    }

    /// Whether its model was made by somebody, and is there until it is deleted.
    var isMade: Bool { kind == .rest || kind == .commandLine }

    /// Makes its engine, or gives it one again, as its kind is made; not a user's.
    ///
    /// - Returns: false if it has to be tried again, because it died a short while ago.
    func start(_ controller: RunningController) async throws -> Bool {
        let folder = controller.folder.modelFolder(name)
        switch (state, kind) {
        case (.absent, .rest):
            let body =
                #"{"engine_uuid": "\#(name)", "model": "\#(folder)", "executor": "remote", "#
                + #""tensor_parallel_size": \#(size), "kv_cache_memory_bytes": "16MiB"}"#
            _ = try await controller.create(body).succeeded()
        case (.absent, .commandLine):
            let made = try await controller.command(
                "engines", "create", folder, "--id", name, "--set", "executor=remote", "--set",
                "tensor_parallel_size=\(size)", "--set", "kv_cache_memory_bytes=16MiB")
            guard made.status == 0 else { throw TestFailure("\(made.status): \(made.errors)") }
        default:
            let reply = try await controller.ask(name)
            guard reply.status != 200 else { return true }
            guard try reply.error().code == "backing_off" else { throw TestFailure(reply.text) }
            return false
        }
        return true
    }

    /// Its engine, if it is listed.
    func engine(_ controller: RunningController) async throws -> EngineState? {
        try await controller.engines().first { engine in
            switch kind {
            case .configured: engine.model == name
            case .rest, .commandLine: engine.id == name
            case .user: engine.isExternal && engine.pid == executor?.process.pid
            }
        }
    }

    /// Throws unless it is as it was left.
    func check(_ controller: RunningController, prompt: String) async throws {
        guard state == .ready || state == .parked else { return }
        let pool = try await controller.pool(of: id).compactMap(\.pid)
        guard pool == workers, processes.allSatisfy(ProcessTable.isAlive) else {
            throw TestFailure("\(name) was left with \(processes) and \(workers), and has the workers \(pool)")
        }
        guard state == .ready, kind != .user else { return }
        let reply = try await controller.ask(name, prompt, tokens: 2).succeeded()
        guard try reply.answer() == "\(name): \(prompt)", reply[header: "x-start-tier"] == "hot" else {
            throw TestFailure("\(name) answers \(reply[header: "x-start-tier"] ?? "-"): \(reply.text)")
        }
    }

    /// Ends it, or what is there of it: as its kind is ended, or by `DELETE`. It may be gone already.
    func end(_ controller: RunningController, inItsOwnWay: Bool) async throws {
        switch kind {
        case .configured where inItsOwnWay: _ = try await controller.unload(name)
        case .commandLine where inItsOwnWay:
            let deleted = try await controller.command("engines", "delete", name)
            guard [0, 4].contains(deleted.status) else { throw TestFailure("\(deleted.status): \(deleted.errors)") }
        case .user where inItsOwnWay: break
        case .configured, .rest, .commandLine, .user:
            guard let engine = try await engine(controller) else { break }
            let reply = try await controller.delete("/engines/\(engine.id)")
            guard [200, 404].contains(reply.status) else { throw TestFailure("\(reply.status): \(reply.text)") }
        }
        guard let executor else { return }
        executor.process.send(SIGTERM)
        _ = try await executor.process.waitForEnd()
    }
}
