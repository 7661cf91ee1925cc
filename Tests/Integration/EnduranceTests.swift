import Foundation
import TestSupport
import Testing

extension Integration {
    @Suite struct Endurance {
        @Test func nothingGrowsInManyCycles() async throws {
            try await withController(.init([TestModel("alpha"), TestModel("beta")])) { controller in
                func cycle(_ number: Int) async throws {
                    let model = number.isMultiple(of: 2) ? "alpha" : "beta"
                    #expect(
                        try await controller.ask(model, "n\(number)", tokens: 2).succeeded().answer()
                            == "\(model): n\(number)")
                    _ = try await controller.unload(model)
                }
                // What is made once is made in the first.
                for number in 0..<2 { try await cycle(number) }
                let before = try await controller.usageAtRest()
                for number in 0..<30 { try await cycle(number) }
                let after = try await controller.usageAtRest()
                // Its own and the client's connections come and go; one that is lost in each cycle would make thirty.
                #expect(after.descriptors < before.descriptors + 10)
            }
        }

        @Test func logsAreLimited() async throws {
            let limit = 64 << 10
            let setup = ControllerSetup(
                [TestModel("alpha", arguments: ["sim-log-bytes": "\(2 << 20)"])],
                settings: ["logs": "{bytes_per_process: \(limit)}"])
            try await withController(setup) { controller in
                _ = try await controller.load("alpha")
                let core = try #require(try await controller.workers().first { $0.state == "leased" })
                let log = "\(controller.folder.runDirectory)/logs/\(core.id).log"
                // It wrote 2 MiB while it loaded.
                try await eventually("its log is cut") { Self.size(log) + Self.size(log + ".1") <= limit }
                #expect(Self.size(log + ".1") > 0)
                #expect(try await controller.ask("alpha").succeeded()[header: "x-start-tier"] == "hot")
            }
        }

        private static func size(_ file: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: file))?[.size] as? Int ?? 0
        }
    }
}

/// What a controller holds, its idle pair included.
private struct Usage {
    let descriptors: Int
    let processes: Int
    let zombies: Int
    let temporaryFolders: Int
    let records: Int
    let sockets: Int

    /// Controller, zygote, front end and core; of all but the controller there is a record.
    var isAtRest: Bool {
        (processes, zombies, temporaryFolders, records, sockets) == (4, 0, 2, 3, 0)
    }
}

extension RunningController {
    fileprivate func usageAtRest() async throws -> Usage {
        try await eventually("only an idle pair is there, and no trace of others") {
            let usage = try usage()
            return usage.isAtRest ? usage : nil
        }
    }

    private func usage() throws -> Usage {
        let processes = folder.processes
        let ours = Set(processes.map(\.pid))
        return Usage(
            descriptors: try openDescriptors(), processes: processes.count,
            zombies: ProcessTable.all().count { $0.state == "Z" && ours.contains($0.parent) },
            temporaryFolders: try entries("t"), records: try entries("processes"), sockets: try entries("f"))
    }

    private func entries(_ name: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "\(folder.runDirectory)/\(name)").count
    }
}
