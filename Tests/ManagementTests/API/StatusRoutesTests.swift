import Foundation
import Scheduling
import Testing

@Suite(.timeLimit(.minutes(5)))
struct StatusRoutesTests {
    @Test func healthIsTheOrigins() async throws {
        try await RunningAPI.with { api in
            let reply = try await api.get("/health")
            #expect(reply.status == 200)
            #expect(reply.headers["content-type"] == "application/json")
            #expect(reply.body == #"{"num_engines":1,"num_workers":2,"status":"healthy"}"#)
        }
    }

    @Test func anUnhealthyControllerSaysWhy() async throws {
        var controller = FakeController()
        controller.current.isHealthy = false
        controller.current.runtimes[0].state = "down"
        controller.current.runtimes[0].lastError = "no module named vllm"
        try await RunningAPI.with(controller) { api in
            let reply = try await api.get("/health")
            #expect(reply.status == 503)
            #expect(
                reply.body
                    == #"{"num_engines":1,"num_workers":2,"reasons":["runtime vllm is down: no module named vllm"],"status":"down"}"#
            )
        }
    }

    @Test func workersAreCoresInSlots() async throws {
        try await RunningAPI.with { api in
            let common = #""private_bytes":31457280"#
            let leased = [
                #"{"age_s":61,"assigned_to":"e-3","device":"cpu:0","engine":"e-3","front_end_pid":105,"id":"p-4","#,
                #""model":"org/small","pid":104,"#,
                common, #","rank":0,"role":"core","runtime":"vllm","state":"leased","status":"assigned"}"#,
            ].joined()
            let idle = [
                #"{"age_s":61,"assigned_to":null,"device":"cpu:0","id":"p-10","pid":110,"#, common,
                #","rank":1,"role":"core","runtime":"vllm","state":"idle","status":"free"}"#,
            ].joined()
            let reply = try await api.get("/workers").body
            #expect(reply.hasPrefix(#"{"front_ends":["#))
            #expect(reply.contains(#""id":"p-5","model":"org/small","pid":105,\#(common),"role":"front_end""#))
            #expect(reply.contains(#"],"num_workers":2,"templates":["#))
            #expect(reply.hasSuffix(#"],"workers":[\#(leased),\#(idle)]}"#))
        }
    }

    /// The core of an engine that has them is no worker beside them.
    @Test func leasedWorkersTellTheirPlaceAndUse() async throws {
        var controller = FakeController()
        controller.current.engines[0].workers = ["p-20"]
        var leased = WorkerStatus.sample("p-20", .worker, pid: 120, engine: "e-3")
        (leased.slot, leased.timesUsed) = (1, 4)
        var idle = WorkerStatus.sample("p-21", .worker, pid: 121)
        (idle.slot, idle.timesUsed, idle.privateBytes) = (0, 0, nil)
        controller.current.workers += [leased, idle]
        try await RunningAPI.with(controller) { api in
            let leased = [
                #"{"age_s":61,"assigned_to":"e-3","device":"cpu:0","engine":"e-3","front_end_pid":105,"id":"p-20","#,
                #""pid":120,"private_bytes":31457280,"rank":1,"role":"worker","runtime":"vllm","slot":1,"#,
                #""state":"leased","status":"assigned","times_used":4}"#,
            ].joined()
            let idle = [
                #"{"age_s":61,"assigned_to":null,"device":"cpu:0","id":"p-21","pid":121,"rank":2,"role":"worker","#,
                #""runtime":"vllm","slot":0,"state":"idle","status":"free","times_used":0}"#,
            ].joined()
            let reply = try await api.get("/workers").body
            #expect(reply.contains(#""num_workers":3"#))
            #expect(reply.contains(#""rank":0,"role":"core","runtime":"vllm","state":"idle""#))
            #expect(reply.hasSuffix("},\(leased),\(idle)]}"))
            #expect(try await api.get("/health").body == #"{"num_engines":1,"num_workers":3,"status":"healthy"}"#)
        }
    }

    @Test func templatesAreBesideTheWorkers() async throws {
        struct Listing: Decodable { let templates: [WorkerStatus] }
        try await RunningAPI.with { api in
            let reply = try await api.get("/workers").body
            let listing = try JSONDecoder().decode(Listing.self, from: Data(reply.utf8))
            #expect(listing.templates == ControllerStatus.sample.workers.suffix(2))
        }
    }

    @Test func runtimesAndDevices() async throws {
        try await RunningAPI.with { api in
            let runtimes = try await api.get("/runtimes").body
            #expect(
                runtimes
                    == #"{"runtimes":[{"name":"vllm","pid":2,"start_ms":9000,"state":"ready","versions":{"vllm":"0.32.0"}}]}"#
            )
            let devices = try await api.get("/devices").body
            #expect(
                devices
                    == #"{"devices":[{"cores":[0,1],"id":"cpu:0","memory_bytes":8589934592,"used_bytes":734003200}]}"#)
        }
    }
}
