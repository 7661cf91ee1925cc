import Foundation
import TestSupport
import Testing

extension RealRuntime {
    /// A tensor-parallel engine, two with one worker each and a vLLM that a user started, on one pool.
    @Suite struct SharedPools {
        private static let prompts = ["The capital of France is", "One, two, three,"]
        private static let pair =
            #""engine_uuid": "pair", "tensor_parallel_size": 2, "dtype": "float32", "max_model_len": 512"#

        /// Made by a request, by REST, on the command line and by hand; killed, one after the other; deleted in another order.
        @Test func surviveWhateverIsKilled() async throws {
            let foreign = RealSetup.foreignLeftovers()
            let setup = RealSetup.controller([RealSetup.demo("alpha", settings: ["executor": "remote"])])
            try await withControllerFolder(setup) { folder in
                let tiny = folder.modelFolder("tiny")
                try await RealSetup.makeDivisibleModel(in: tiny)
                let first = try await folder.start()
                try await first.awaitTemplate(of: "alpha")
                async let starting = StockServer.startOnThePool(of: folder)
                let alpha = try await tokens("alpha", first)
                let pair = try await make(tiny, first)
                let made = try await first.command(
                    "engines", "create", RealSetup.model, "--id", "solo", "-s", "executor=remote",
                    "-s", "max_model_len=2048", "-s", "kv_cache_memory_bytes=268435456")
                #expect(made.status == 0, "\(made.errors)")
                let user = try await starting

                // Four engines on five workers; those of the same model say the same.
                try await expectFour(first)
                #expect(try await tokens("solo", first) == alpha)
                #expect(try await tokens(user) == alpha)

                try await killed("pair", first, { try await first.pool(of: $0.id).last?.pid })
                #expect(try await tokens("pair", first) == pair)
                try await killed("alpha", first, \.pid)
                #expect(try await tokens("alpha", first) == alpha)
                try await killed("solo", first, \.frontEndPid)
                #expect(try await tokens("solo", first) == alpha)
                try await expectFour(first)
                try ProcessTable.kill(try #require(try await first.runtime().pid))
                #expect(try await tokens("pair", first) == pair)
                #expect(try await tokens(user) == alpha)
                let external = try #require(try await first.engines().first { $0.isExternal })
                try await killed(external.id, first, \.pid)
                try await eventually("its server has ended") { user.process.exitNow != nil }

                #expect(try await first.command("engines", "delete", "solo").status == 0)
                _ = try await first.delete("/engines/pair").succeeded()
                _ = try await first.unload("alpha")
                try await eventually("no worker is anybody's, and no memory", within: .seconds(300)) {
                    let template = try await first.model("alpha").readyTemplate
                    let used = try await first.devices().map(\.usedBytes).reduce(0, +)
                    let pool = try await first.pool()
                    return try await first.engines().isEmpty && used == template?.footprintBytes
                        && pool.allSatisfy { $0.state == "idle" }
                }

                // With all of them there again, the controller itself.
                #expect(try await make(tiny, first) == pair)
                _ = try await first.load("alpha")
                let pids = try await first.engines().flatMap(\.pids) + first.workers().compactMap(\.pid)
                try await first.killAtOnce()
                let second = try await folder.start()
                #expect(pids.allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await tokens("alpha", second) == alpha)
                try await second.stop()
                try folder.expectNothingLeft()
                #expect(RealSetup.foreignLeftovers().subtracting(foreign).isEmpty)
            }
        }

        /// Makes the tensor-parallel engine, and returns its answers.
        private func make(_ model: String, _ controller: RunningController) async throws -> [[Int]] {
            let body = #"{"model": "\#(model)", "kv_cache_memory_bytes": "64MiB", \#(Self.pair)}"#
            let made: EngineState = try await controller.create(body).succeeded().decoded()
            #expect(made.workers.count == 2)
            return try await tokens("pair", controller)
        }

        private func expectFour(_ controller: RunningController) async throws {
            let leased = try await controller.engines().map(\.workers)
            #expect(leased.map(\.count).sorted() == [1, 1, 1, 2])
            #expect(Set(leased.joined()).count == 5)
        }

        /// Kills this process of the engine, and waits until the engine is gone. No other engine loses its workers.
        private func killed(
            _ name: String, _ controller: RunningController, _ victim: (EngineState) async throws -> Int?
        ) async throws {
            let before = try await controller.engines()
            let engine = try #require(before.first { [$0.id, $0.engineUuid, $0.model].contains(name) })
            let pids = try await controller.pool().map { ($0.id, $0.pid) }
            try ProcessTable.kill(try #require(try await victim(engine)))
            try await eventually("\(name) is gone") {
                try await !controller.engines().contains { $0.id == engine.id && $0.pid == engine.pid }
            }
            for other in before where other.id != engine.id {
                let now = try await controller.engine(other.id)
                #expect(now.workers == other.workers && now.pid == other.pid)
            }
            let workers = pids.filter { engine.workers.contains($0.0) }.compactMap(\.1)
            try await eventually("no worker of \(name) has anything of it") {
                let pool = try await controller.pool()
                return workers.allSatisfy { pid in
                    !ProcessTable.isAlive(pid) || pool.contains { $0.pid == pid && $0.engine == nil }
                }
            }
        }

        private func tokens(_ model: String, _ controller: RunningController) async throws -> [[Int]] {
            try await tokens(Asker(address: controller.address, model: model))
        }

        private func tokens(_ server: StockServer) async throws -> [[Int]] {
            try await tokens(Asker(address: server.address, model: StockServer.model))
        }

        private func tokens(_ asker: Asker) async throws -> [[Int]] {
            var answers: [[Int]] = []
            for prompt in Self.prompts {
                answers.append(try await asker.tokens(prompt, .completion, streamed: false, count: 16))
            }
            return answers
        }
    }
}
