import Foundation
import TestSupport
import Testing

extension Integration {
    /// Engines whose ranks are workers of the pool.
    @Suite struct LeasedWorkers {
        @Test(arguments: [1, 2], [false, true])
        func anEngineOfThemAnswers(_ size: Int, withTemplate: Bool) async throws {
            let model = TestModel.remote("alpha", workers: size)
            try await withController(.init([model], templates: withTemplate)) { controller in
                if withTemplate { try await controller.awaitTemplate(of: "alpha") }
                let idle = try await controller.awaitIdlePool(of: size)
                #expect(idle.map(\.slot) == Array(0..<size))
                #expect(idle.allSatisfy { $0.timesUsed == 0 && $0.engine == nil && $0.device == "cpu:0" })
                let reply = try await controller.ask("alpha").succeeded()
                #expect(try reply.answer() == "alpha: one two")
                #expect(reply[header: "x-start-tier"] == (withTemplate ? "warm" : "cold"))

                let engine = try await controller.engine(of: "alpha")
                #expect(!engine.isExternal)
                // They come from the zygote: a template has nothing to give them.
                #expect(Set(engine.workers) == Set(idle.map(\.id)))
                #expect(engine.stages.filter { ["attach", "load"].contains($0.stage) }.allSatisfy { $0.ms > 0 })
                let leased = try await controller.pool(of: engine.id)
                #expect(leased.count == size)
                #expect(leased.allSatisfy { $0.state == "leased" && $0.engine == engine.id && $0.timesUsed == 1 })
                #expect(leased.allSatisfy { $0.frontEndPid == engine.frontEndPid })
                #expect(leased.compactMap(\.pid).count { ProcessTable.isAlive($0) } == size)
                #expect(Set(leased.compactMap(\.pid)).isDisjoint(with: engine.pids))
                // A core that has them is no worker itself.
                #expect(try await !controller.workers().contains { $0.pid == engine.pid })
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        @Test(arguments: [1, 2])
        func theyComeBack(_ size: Int) async throws {
            let model = TestModel.remote(
                "alpha", workers: size,
                arguments: ["sim-memory-bytes": "\(200 << 20)", "sim-cache-bytes": "\(8 << 20)"])
            try await withController(.init([model], templates: false)) { controller in
                var uses: [Int: Int] = [:]
                for round in 0..<3 {
                    try await controller.awaitIdlePool(of: size)
                    let engine = try await controller.load("alpha")
                    let leased = try await controller.pool(of: engine.id)
                    #expect(leased.count == size)
                    for worker in leased {
                        let pid = try #require(worker.pid)
                        uses[pid, default: 0] += 1
                        // One that is there again counts on; another begins anew.
                        #expect(worker.timesUsed == uses[pid])
                        // Asked for now: when it was idle it had none of it.
                        #expect(try #require(worker.privateBytes) > (200 << 20) / size)
                    }
                    #expect(
                        try await controller.ask("alpha", "r\(round)").succeeded().answer()
                            == "alpha: r\(round) r\(round)")
                    _ = try await controller.unload("alpha")
                    let idle = try await controller.awaitIdlePool(of: size)
                    #expect(Set(idle.map(\.slot)).count == size)
                    #expect(idle.allSatisfy { $0.engine == nil })
                    // Nothing of the model is in any of them.
                    #expect(idle.allSatisfy { $0.privateBytes ?? .max < 100 << 20 })
                    #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                    #expect(try await controller.devices().map(\.usedBytes) == [0])
                    #expect(try controller.workerSockets() == Set(idle.map { "\($0.id).sock" }))
                }
                // Those that were replaced are gone.
                let idle = try await controller.awaitIdlePool(of: size).compactMap(\.pid)
                #expect(uses.keys.allSatisfy { idle.contains($0) || !ProcessTable.isAlive($0) })
            }
        }

        @Test func theRanksOfAGroupSplitTheCores() async throws {
            try await withController(.init([.remote("alpha", workers: 2)])) { controller in
                let cores = try await controller.devices()[0].cores
                try await controller.awaitIdlePool(of: 2)
                let dial = try ExecutorDial(controller.folder)
                let workers = try #require(try dial.lease(workers: 2).workers)
                let share = cores.count / 2
                #expect(workers.map(\.cores) == [Array(cores[..<share]), Array(cores[share..<(2 * share)])])
                #expect(workers.allSatisfy { $0.device == "cpu:0" })
                let sockets = Set(workers.map { "\($0.process).sock" })
                #expect(try controller.workerSockets().isSuperset(of: sockets))
            }
        }

        /// There are workers for one of them, and so each could hold one that the other waits for.
        @Test func twoGroupsAtOnceDoNotWaitForEachOther() async throws {
            let models = ["alpha", "beta"].map { TestModel.remote($0, workers: 2) }
            try await withController(.init(models, templates: false)) { controller in
                for round in 0..<10 {
                    let replies = try await controller.askAll(["alpha", "beta"], "r\(round)")
                    #expect(
                        Set(try replies.map { try $0.succeeded().answer() }) == ["alpha: r\(round)", "beta: r\(round)"])
                    let groups = try await controller.engines().map { Set($0.workers) }
                    #expect(groups.map(\.count) == [2, 2])
                    #expect(groups.count == 2 && groups[0].isDisjoint(with: groups[1]))
                    for model in ["alpha", "beta"] { _ = try await controller.unload(model) }
                }
            }
        }

        /// Nor where there is memory for one of them only: then one makes room for the other.
        @Test func norDoTheyInShortMemory() async throws {
            let models = Scheduling.rivals.map { TestModel.remote($0.name, workers: 2, arguments: $0.arguments) }
            try await withController(.init(models, templates: false, settings: Scheduling.smallDevice)) { controller in
                for round in 0..<4 {
                    let replies = try await controller.askAll(["alpha", "beta"], "r\(round)")
                    #expect(
                        Set(try replies.map { try $0.succeeded().answer() }) == ["alpha: r\(round)", "beta: r\(round)"])
                    let device = try await controller.devices()[0]
                    #expect(device.usedBytes <= device.memoryBytes)
                }
            }
        }

        @Test func moreThanThereCanBe() async throws {
            let asked = ProcessInfo.processInfo.activeProcessorCount + 1
            try await withController(.init([.remote("alpha", workers: asked), .remote("beta")])) { controller in
                let most = try await controller.devices()[0].cores.count
                let reply = try await controller.ask("alpha")
                #expect(reply.status == 503)
                let error = try reply.error()
                #expect(error.code == "out_of_memory")
                #expect(error.message.contains("needs \(asked) workers"), "\(error.message)")
                #expect(error.message.contains("cpu:0 has place for \(most)"), "\(error.message)")
                #expect(try await controller.ask("beta").succeeded().answer() == "beta: one two")
                // None is kept for an engine that can never be.
                try await eventually("one is leased, and one idle") {
                    try await controller.pool().map(\.state).sorted() == ["idle", "leased"]
                }
            }
        }
    }
}

extension RunningController {
    /// The same request to all of them at once.
    func askAll(_ models: [String], _ prompt: String) async throws -> [Reply] {
        try await withThrowingTaskGroup(of: Reply.self) { group in
            for model in models { group.addTask { try await self.ask(model, prompt, tokens: 2) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }
}
