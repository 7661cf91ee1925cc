import Logging
import Synchronization
import Testing

@testable import Supervision

@Suite("Things that happen once, and jobs", .timeLimit(.minutes(5)))
struct TaskTests {
    private let jobs = JobRunner(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))

    @Test("All who wait are woken when it happens, and nobody waits afterwards")
    func happens() async {
        let event = OneShot()
        await withTaskGroup { group in
            for _ in 0..<10 { group.addTask { #expect(await event.wait(atMost: .seconds(3600))) } }
            group.addTask { await event.happen() }
        }
        #expect(await event.wait(atMost: .zero))
        await event.happen()
        #expect(await event.wait(atMost: .seconds(3600)))
    }

    @Test("Who has waited long enough is told that it has not happened; others go on waiting")
    func givesUp() async {
        let event = OneShot()
        async let patient = event.wait(atMost: .seconds(3600))
        #expect(await event.wait(atMost: .milliseconds(1)) == false)
        #expect(await event.wait(atMost: .zero) == false)
        await event.happen()
        #expect(await patient)
    }

    @Test("finish takes no more jobs and lets those end that were started, also before the run")
    func finish() async {
        let done = Mutex(0)
        let gate = OneShot()
        for _ in 0..<100 {
            jobs.start {
                await gate.wait(atMost: .seconds(3600))
                done.withLock { $0 += 1 }
            }
        }
        await withTaskGroup { group in
            group.addTask { await jobs.run() }
            jobs.finish()
            jobs.start { done.withLock { $0 += 1000 } }
            await gate.happen()
        }
        #expect(done.withLock { $0 } == 100)
    }

    @Test("Cancelling ends the run, and cancels the jobs")
    func cancel() async {
        let started = OneShot()
        let wasCancelled = Mutex(false)
        let run = Task { await jobs.run() }
        jobs.start {
            await started.happen()
            try? await Task.sleep(for: .seconds(3600))
            wasCancelled.withLock { $0 = Task.isCancelled }
        }
        await started.wait(atMost: .seconds(3600))
        run.cancel()
        await run.value
        #expect(wasCancelled.withLock { $0 })
    }

    @Test("A job may start jobs")
    func nested() async {
        let (numbers, continuation) = AsyncStream<Int>.makeStream()
        await withTaskGroup { group in
            group.addTask { await jobs.run() }
            jobs.start {
                continuation.yield(1)
                jobs.start { continuation.finish() }
            }
            #expect(await numbers.reduce(into: []) { $0.append($1) } == [1])
            jobs.finish()
        }
    }
}
