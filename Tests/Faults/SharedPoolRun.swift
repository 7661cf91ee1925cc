import Foundation
import TestSupport

import struct BenchmarkSupport.SeededGenerator

/// Random steps, and after each a look at all those that it did not touch.
struct SharedPoolRun {
    /// What was done so far.
    private(set) var history: [String] = []
    private var members = SharedPoolMember.all
    private var generator: SeededGenerator
    private let controller: RunningController

    init(_ controller: RunningController, seed: UInt64) throws {
        self.controller = controller
        generator = SeededGenerator(seed: seed)
        for member in members where member.isMade {
            try ModelFiles.whole.write(to: controller.folder.modelFolder(member.name))
        }
    }

    mutating func step() async throws {
        let index = Int.random(in: members.indices, using: &generator)
        let roll = Int.random(in: 0..<100, using: &generator)
        switch members[index].state {
        case _ where roll < 12: try await killShared()
        case .absent where roll < 75: try await make(index)
        case .absent: try await killInStart(index)
        case .stopped where roll < 40, .parked where roll < 40: try await make(index)
        case .stopped where roll < 60, .parked where roll < 60: try await killInStart(index)
        case .parked where roll < 80, .ready where roll < 45: try await kill(index)
        case .ready where roll < 70 && members[index].kind != .user: try await park(index)
        case .stopped, .parked, .ready: try await end(index)
        }
        try await check()
    }

    mutating func endAll() async throws {
        for index in members.indices where members[index].state != .absent {
            try await end(index)
            try await check()
        }
    }

    // MARK: Steps

    private mutating func make(_ index: Int) async throws {
        history.append("make \(members[index].name)")
        let (member, controller) = (members[index], controller)
        if member.kind == .user {
            let executor = try UserExecutor(controller.folder, workers: member.size)
            members[index].executor = executor
            members[index].id = try await executor.ready().engine
        } else {
            try await eventually("\(member.name) serves") { try await member.start(controller) }
        }
        guard let engine = try await members[index].engine(controller) else { throw TestFailure("it is not listed") }
        members[index].id = engine.id
        members[index].processes = engine.pids
        members[index].workers = try await controller.pool(of: engine.id).compactMap(\.pid)
        members[index].state = .ready
        guard members[index].workers.count == member.size else { throw TestFailure("it has \(engine.workers)") }
    }

    private mutating func end(_ index: Int) async throws {
        history.append("end \(members[index].name)")
        try await members[index].end(controller, inItsOwnWay: Bool.random(using: &generator))
        members[index].executor = nil
        members[index].state = .absent
    }

    private mutating func park(_ index: Int) async throws {
        history.append("park \(members[index].name)")
        _ = try await controller.park(members[index].id).succeeded()
        members[index].workers = []
        members[index].state = .parked
    }

    /// One of the engine's own processes, or its workers. All of its own end.
    private mutating func kill(_ index: Int) async throws {
        let member = members[index]
        guard let victim = (member.processes + member.workers).randomElement(using: &generator) else { return }
        history.append("kill \(victim) of \(member.name) (\(member.processes), \(member.workers))")
        try ProcessTable.kill(victim)
        try await eventually("\(member.name) is dead") { !member.processes.contains(where: ProcessTable.isAlive) }
        members[index].executor = nil
        members[index].state = member.isMade ? .stopped : .absent
    }

    /// Any process that an engine's start has, or that it needs, at any moment of it. Whatever comes of it is ended.
    private mutating func killInStart(_ index: Int) async throws {
        history.append("kill in the start of \(members[index].name)")
        let controller = controller
        if members[index].kind == .user {
            members[index].executor = try UserExecutor(controller.folder, workers: members[index].size)
        }
        let member = members[index]
        let starting = Task { if member.executor == nil { _ = try await member.start(controller) } }
        // At several moments: that is the point, so there is no event to wait for.
        try await Task.sleep(for: .milliseconds(Int.random(in: 0..<120, using: &generator)))
        let templates = try await controller.templates().filter { $0.model == member.name }.compactMap(\.pid)
        let engine = try await member.engine(controller)
        let leased = try await controller.pool().filter { engine != nil && $0.engine == engine?.id }
        let own = engine?.pids ?? [member.executor?.process.pid].compactMap(\.self)
        let zygote = try await controller.runtime().pid
        kill(oneOf: own + (leased.map(\.pid) + [zygote]).compactMap(\.self) + templates)
        _ = await starting.result
        try await end(index)
    }

    /// What belongs to no engine.
    private mutating func killShared() async throws {
        let idle = try await controller.workers().filter { $0.state == "idle" }.compactMap(\.pid)
        let templates = try await controller.templates().compactMap(\.pid)
        history.append("kill one of \(idle), \(templates) or the zygote")
        let zygote = try await controller.runtime().pid
        kill(oneOf: idle + templates + [zygote].compactMap(\.self))
    }

    /// It may have ended since it was seen.
    private mutating func kill(oneOf pids: [Int]) {
        guard let victim = pids.randomElement(using: &generator) else { return }
        history[history.count - 1] += ": \(victim)"
        try? ProcessTable.kill(victim)
    }

    // MARK: What is expected

    /// Whoever is there answers as ever, with the workers that it had; nobody else is listed, or has any.
    private func check() async throws {
        let listed = Set(members.filter { $0.state != .absent }.map(\.id))
        let holders = Set(members.filter { $0.state == .ready }.map(\.id))
        try await eventually("\(listed.sorted()) are listed, and \(holders.sorted()) have workers") {
            guard try await Set(controller.engines().map(\.id)) == listed else { return false }
            return try await Set(controller.pool().compactMap(\.engine)) == holders
        }
        for member in members { try await member.check(controller, prompt: "n\(history.count)") }
    }
}
