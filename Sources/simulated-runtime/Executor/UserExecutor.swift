import ControlProtocol
import Foundation

/// The life of `simulated-runtime executor`.
struct UserExecutor: Sendable {
    /// What it writes when all ranks are ready.
    private struct Ready: Encodable {
        let engine: String
        let generation: WireGeneration
        let workers: [LeasedWorker]
        let leaseMilliseconds: Double
        let readyMilliseconds: Double

        enum CodingKeys: String, CodingKey {
            case engine, generation, workers
            case leaseMilliseconds = "lease_ms"
            case readyMilliseconds = "ready_ms"
        }
    }

    private let command: ExecutorCommand
    private let executor: RemoteExecutor
    private let clock = LeaseClock()
    private let termination = Termination()

    init(_ command: ExecutorCommand) {
        self.command = command
        let (dieAt, clock) = (command.dieAt, clock)
        executor = RemoteExecutor(
            command.wish, vitals: Vitals(),
            reached: { milestone in
                clock.note(milestone)
                if milestone == dieAt { crash("--die-at \(milestone.rawValue)") }
            },
            ended: { endProcess($0) })
    }

    /// Ends the process.
    func run() async -> Never {
        await withTaskGroup(of: ProcessEnd.self) { ways in
            ways.addTask { await terminated() }
            ways.addTask { await serve() }
            for await end in ways { endProcess(end) }
        }
        endProcess(.failed)
    }

    /// At any time: workers that it has are given back, a request that waits is withdrawn by the connection's end.
    private func terminated() async -> ProcessEnd {
        await termination.signal()
        await executor.release()
        return .stopped
    }

    private func serve() async -> ProcessEnd {
        do {
            try await executor.attach()
            guard let grant = await executor.grant else { throw ExecutorError.revoked }
            try await executor.run(.load, command.arguments)
            try await executor.run(.keyValueCache, command.arguments)
            try write(
                Ready(
                    engine: grant.engine, generation: grant.generation, workers: grant.workers,
                    leaseMilliseconds: clock.leaseMilliseconds, readyMilliseconds: clock.sinceStart))
            await executor.started()
            // As a script that asks once.
            try await executor.step()
            if let hold = command.holdMilliseconds {
                try await Task.sleep(for: .milliseconds(hold))
            } else {
                await Termination.endOfInput()
            }
            await executor.release()
            return .stopped
        } catch {
            return await failed(error)
        }
    }

    private func failed(_ error: any Error) async -> ProcessEnd {
        // Then nothing failed: what was going on lost its workers because they are given back.
        let isTerminated = termination.hasCome
        if !isTerminated { log("the executor failed", ["error": "\(error)"]) }
        await executor.release()
        guard !isTerminated else { return .stopped }
        guard let error = error as? ExecutorError else { return .failed }
        if case .leaseRefused(let reason) = error {
            do {
                try write(["refused": reason])
            } catch {
                log("the output cannot be written", ["error": "\(error)"])
            }
        }
        return error.processEnd
    }

    private func write(_ line: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try FileHandle.standardOutput.write(contentsOf: try encoder.encode(line) + Data("\n".utf8))
    }
}
