import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct EngineDeletion {
        private func body(_ arguments: String = EngineCreation.small) -> String {
            #"{"engine_uuid": "mine", "model": "./models/free", \#(arguments)}"#
        }

        @Test func whatIsDeletedIsGoneAndCanBeMadeAgain() async throws {
            try await EngineCreation.withFreeModel { controller in
                for _ in 0..<2 {
                    let made: EngineState = try await controller.create(body()).succeeded().decoded()
                    let template = try await controller.awaitTemplate(of: "mine")
                    let reply = try await controller.delete("/engines/mine").succeeded()
                    let deleted: DeletedState = try reply.decoded()
                    #expect(deleted.releasedRanks == made.assignedRanks)
                    #expect(deleted.message == "Engine mine is deleted")
                    #expect(reply.text.contains(#""released_port":null"#))
                    for pid in made.pids + [template.pid].compactMap(\.self) { #expect(!ProcessTable.isAlive(pid)) }
                    #expect(try await controller.delete("/engines/mine").status == 404)
                    #expect(try await controller.get("/engines/mine").status == 404)
                    for name in ["mine", "./models/free"] { #expect(try await controller.ask(name).status == 404) }
                    #expect(try await controller.models().map(\.name) == ["alpha"])
                    #expect(!(try await controller.workers().contains { $0.model == "mine" }))
                }
            }
        }

        @Test func aBusyOneEndsItsRequestsFirst() async throws {
            try await EngineCreation.withFreeModel { controller in
                _ = try await controller.create(body(#""sim_tokens_per_second": 20"#)).succeeded()
                var stream = try await controller.stream("mine", "a", tokens: 31)
                let first = try await stream.nextToken()
                #expect(first == "free:")
                let deleting = Task { try await controller.delete("/engines/mine") }
                try await eventually("it drains") { try await controller.engine("mine").status == "draining" }
                #expect(try await controller.ask("mine").status == 404)
                let again = Task { try await controller.delete("/engines/mine") }
                #expect(try await stream.rest() == Array(repeating: .token(" a"), count: 30) + [.done])
                _ = try await deleting.value.succeeded()
                // The second came while it was there, or after it was gone.
                #expect([200, 404].contains(try await again.value.status))
            }
        }

        @Test func aStartIsCalledOff() async throws {
            try await EngineCreation.withFreeModel { controller in
                let making = Task { try await controller.create(body(#""sim_hang_at": "load""#)) }
                try await eventually("it starts") { try await controller.engines().first?.status == "starting" }
                _ = try await controller.delete("/engines/mine").succeeded()
                let reply = try await making.value
                #expect(reply.status == 409)
                #expect(try reply.error().message.contains("was deleted"))
                #expect(try await controller.engines().isEmpty)
            }
        }

        @Test func oneThatWaitsForAPlaceCanBeDeleted() async throws {
            let alpha = TestModel("alpha", arguments: ["sim-tokens-per-second": "20"])
            try await EngineCreation.withFreeModel([alpha], settings: Scheduling.smallDevice) { controller in
                var stream = try await controller.stream("alpha", "a", tokens: 31)
                #expect(try await stream.nextToken() == "alpha:")
                #expect(try await controller.create(body(), query: "?wait=false").status == 202)
                try await eventually("it waits") { try await controller.engine("mine").status == "placing" }
                _ = try await controller.delete("/engines/mine").succeeded()
                #expect(try await controller.get("/engines/mine").status == 404)
                _ = try await stream.rest()
            }
        }

        @Test func aKilledOneIsListedAndStartsAgainOnARequest() async throws {
            try await EngineCreation.withFreeModel { controller in
                let made: EngineState = try await controller.create(body()).succeeded().decoded()
                try ProcessTable.kill(try #require(made.pid))
                try await eventually("it has failed") { try await controller.engine("mine").status == "failed" }
                let failed = try await controller.engine("mine")
                #expect(failed.reason?.contains("signal 9") == true)
                #expect(failed.pid == nil)
                #expect(failed.assignedRanks == [])
                #expect(try await controller.get("/engines/mine/load_timings").status == 200)
                #expect(try await controller.create(body()).status == 409)

                _ = try await controller.ask("mine").succeeded()
                let started = try await controller.engine("mine")
                #expect(started.status == "ready")
                #expect(started.reason == nil)
                #expect(started.pid != made.pid)
            }
        }

        @Test func aStartThatFailsIsListedUntilItIsDeleted() async throws {
            try await EngineCreation.withFreeModel { controller in
                let reply = try await controller.create(body(#""sim_fail_at": "load""#))
                #expect(reply.status == 503)
                #expect(try reply.error().message.contains("sim-fail-at: load"))
                try await eventually("its processes are gone") {
                    try await controller.engine("mine").status == "failed"
                }
                #expect(try await controller.engine("mine").reason?.contains("sim-fail-at: load") == true)
                #expect(try await controller.command("ps").output.contains("REASON"))
                _ = try await controller.delete("/engines/mine").succeeded()
                #expect(try await controller.engines().isEmpty)
            }
        }

        @Test func aConfiguredModelIsUnloaded() async throws {
            try await EngineCreation.withFreeModel { controller in
                let engine = try await controller.load("alpha")
                let deleted: DeletedState = try await controller.delete("/engines/\(engine.id)").succeeded().decoded()
                #expect(deleted.releasedRanks == engine.assignedRanks)
                #expect(engine.pids.allSatisfy { !ProcessTable.isAlive($0) })
                #expect(try await controller.delete("/engines/\(engine.id)").status == 404)
                #expect(try await controller.delete("/engines/alpha").status == 404)
                _ = try await controller.ask("alpha").succeeded()
            }
        }

        @Test func fromTheCommandLine() async throws {
            try await EngineCreation.withFreeModel { controller in
                let folder = controller.folder.modelFolder("free")
                let made = try await controller.command(
                    "engines", "create", folder, "--id", "mine", "--set", "kv-cache-memory-bytes=16MiB", "-s",
                    "swap_space=4")
                #expect(made.status == 0)
                #expect(made.output.hasPrefix("\(folder): ready as mine on cpu:0, started in "))
                #expect(made.output.contains("\nNote: 'swap_space' has no effect"))
                #expect(try await controller.command("engines").output.contains("mine  \(folder)  ready"))
                let taken = try await controller.command("engines", "create", folder, "--id", "mine")
                #expect(taken.status == 4)
                #expect(taken.errors.contains("'mine' already"))
                let other = try await controller.command("engines", "create", folder, "--no-wait", "--json")
                #expect(other.status == 0)
                #expect(other.output.contains(#""warnings":["'"#))
                let deleted = try await controller.command("engines", "delete", "mine")
                #expect(deleted.output == "Engine mine is deleted\n")
                #expect(try await controller.command("engines", "delete", "mine").status == 4)
            }
        }
    }
}
