import Foundation
import TestSupport
import Testing

extension Integration {
    /// What `GET /events` and `GET /metrics` tell.
    @Suite struct Events {
        @Test func theLifeOfAnEngine() async throws {
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                try await controller.awaitIdlePool(of: 1)
                var follower = try await controller.follow()
                let engine = try await controller.load("alpha")
                let start = try await follower.read(until: "model_tier")
                let kinds = start.filter { $0.worker == nil }.map(\.event)
                #expect(kinds == ["engine_queued", "engine_placed", "lease_granted", "engine_ready", "model_tier"])
                let granted = try #require(start.first { $0.event == "lease_granted" })
                #expect(granted.engine == engine.id)
                #expect(granted.model == "alpha")
                #expect(granted.workers == engine.workers)
                let ready = try #require(start.first { $0.event == "engine_ready" })
                #expect(ready.tier == "cold")
                #expect(ready.ms ?? 0 > 0)

                _ = try await controller.unload("alpha")
                let end = try await follower.read(until: "engine_gone")
                #expect(end.contains { $0.event == "lease_reclaimed" && $0.engine == engine.id })
                #expect(end.contains { $0.worker == engine.workers.first && $0.cause == "replaced" })

                let metrics = try await controller.metrics()
                #expect(metrics[#"engine_starts_total{tier="cold",outcome="ready"}"#] == 1)
                #expect(metrics[#"engine_start_seconds_count{tier="cold"}"#] == 1)
                #expect(metrics["lease_wait_seconds_count"] == 1)
                #expect(metrics["leases_granted_total"] == 1)
                #expect(metrics[#"leases_ended_total{how="reclaimed"}"#] == 1)
                #expect(metrics[#"worker_retirements_total{cause="replaced"}"#] == 1)
                #expect(metrics[#"device_memory_used_bytes{device="cpu:0"}"#] == 0)
                #expect(metrics[#"device_memory_bytes{device="cpu:0"}"#] == Double(16 << 30))
            }
        }

        @Test func whatThereIsNow() async throws {
            let models: [TestModel] = [
                .remote("alpha", settings: ["concurrency": "1"], arguments: ["sim-tokens-per-second": "20"]),
                TestModel("beta"),
            ]
            try await withController(.init(models)) { controller in
                try await controller.awaitTemplate(of: "alpha")
                try await controller.awaitTemplate(of: "beta")
                var stream = try await controller.stream("alpha", "a", tokens: 200)
                #expect(try await stream.nextToken() == "alpha:")
                let waiting = Task { try await controller.ask("alpha", tokens: 1) }
                try await eventually("it waits") { try await controller.model("alpha").waiting == 1 }
                let metrics = try await controller.metrics()
                let engine = try await controller.engine(of: "alpha").id
                #expect(metrics[#"requests_in_flight{engine="\#(engine)",model="alpha"}"#] == 1)
                #expect(metrics[#"requests_waiting{model="alpha"}"#] == 1)
                #expect(metrics[#"requests_waiting{model="beta"}"#] == 0)
                #expect(metrics[#"engines{model="alpha",state="ready"}"#] == 1)
                #expect(metrics[#"workers{device="cpu:0",state="leased"}"#] == 1)
                #expect(metrics[#"templates{state="ready"}"#] == 2)
                #expect(metrics[#"runtime_up{runtime="sim"}"#] == 1)
                let used = try await controller.devices()[0].usedBytes
                #expect(metrics[#"device_memory_used_bytes{device="cpu:0"}"#] == Double(used))
                waiting.cancel()
                _ = try? await waiting.value
            }
        }

        @Test func aFailedStart() async throws {
            let model = TestModel("alpha", arguments: ["sim-fail-at": "load"])
            try await withController(.init([model], templates: false)) { controller in
                var follower = try await controller.follow()
                #expect(try await controller.post("/models/alpha/load").status == 503)
                let failed = try await follower.read(until: "engine_failed").last
                #expect(failed?.reason?.contains("sim-fail-at: load") == true)
                #expect(try await controller.metrics()[#"engine_starts_total{tier="cold",outcome="failed"}"#] == 1)
            }
        }

        @Test func aReaderThatComesBackMissesNothing() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                var first = try await controller.follow()
                _ = try await controller.load("alpha")
                let seen = try await first.read(until: "engine_placed")
                _ = try await controller.unload("alpha")
                var second = try await controller.follow(after: try #require(seen.last?.id))
                let rest = try await second.read(until: "engine_gone")
                #expect(rest.first?.event == "engine_ready")
                let same = try await first.read(until: "engine_gone")
                #expect(same.map(\.id) == rest.map(\.id))
                // Everything since the beginning.
                var all = try await controller.follow(after: "0")
                #expect(try await all.next()?.id == "1-1")
            }
        }

        @Test func parkingByCommand() async throws {
            try await withController(.init([.remote("alpha")], templates: false)) { controller in
                let engine = try await controller.load("alpha")
                var follower = try await controller.follow()
                let parked = try await controller.command("park", engine.id)
                #expect(parked.status == 0)
                #expect(parked.output == "alpha: parked\n")
                let events = try await follower.read(until: "engine_parked")
                #expect(events.contains { $0.event == "lease_released" && $0.engine == engine.id })
                #expect(try await controller.model("alpha").tier == "parked")
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "parked")
                let back = try await follower.read(until: "engine_ready")
                #expect(back.contains { $0.event == "engine_unparked" && $0.workers?.count == 1 })
                let metrics = try await controller.metrics()
                #expect(metrics[#"engine_starts_total{tier="parked",outcome="ready"}"#] == 1)
                #expect(metrics[#"leases_ended_total{how="released"}"#] == 1)
                #expect(try await controller.command("park", "none").status == 4)
            }
        }

        /// A command that follows ends with the controller, and in order.
        @Test func followingByCommandEndsWithTheController() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                let variables = ["WORKER_CONTROLLER_ADDRESS": controller.address]
                let command = try ChildProcess([Binaries.controller, "events"], environment: variables)
                let raw = try ChildProcess([Binaries.controller, "events", "--json"], environment: variables)
                // Until both follow, nobody knows what they would be told.
                try await eventually("both follow") {
                    _ = try await controller.load("alpha")
                    _ = try await controller.unload("alpha")
                    return !command.outputText.isEmpty && !raw.outputText.isEmpty
                }
                try await controller.stop()
                #expect(try await command.waitForEnd() == .status(0))
                #expect(try await raw.waitForEnd() == .status(0))
                #expect(command.outputText.contains(" engine_gone "))
                for line in raw.outputText.split(separator: "\n") {
                    let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    #expect(event?["event"] is String)
                }
            }
        }

        /// And one that hangs on does not hold it up.
        @Test func aShutdownEndsTheStreams() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                var follower = try await controller.follow()
                _ = try await controller.load("alpha")
                let start = ContinuousClock.now
                try await controller.stop()
                #expect(ContinuousClock.now - start < .seconds(5))
                let rest = try await follower.read(until: "engine_gone")
                #expect(rest.contains { $0.event == "engine_draining" })
                while try await follower.next() != nil {}
            }
        }

        @Test func webPagesCannotRead() async throws {
            try await withController(.init([TestModel("alpha")], templates: false)) { controller in
                for path in ["/events", "/metrics"] {
                    let reply = try await controller.get(path, headers: ["origin": "http://elsewhere"])
                    #expect(reply.status == 403)
                }
            }
        }
    }
}
