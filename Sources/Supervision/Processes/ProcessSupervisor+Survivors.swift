import ControlProtocol
import Foundation
import Logging
import Scheduling

// Processes of a controller that died. Until there is adoption, they are ended.

extension ProcessSupervisor {
    /// Ends all that earlier epochs recorded, and removes what they left. Call before `run`.
    public func sweepSurvivors() async throws {
        let (records, damaged) = try ProcessRecordFile.all(in: directory)
        for file in damaged {
            // Records are not synced, so a machine that lost power leaves such files; and a process whose record is lost
            // is ended when it dials in.
            logger.warning("damaged process record removed", metadata: ["file": "\(file)"])
            try? FileManager.default.removeItem(atPath: file)
        }
        let watches = records.compactMap { record -> ProcessWatch? in
            guard let pid = record.pid, let watch = ProcessWatch.open(pid: pid),
                // The same pid may be anybody's by now.
                let startTime = watch.startTime, startTime == record.startTime
            else { return nil }
            logger.notice(
                "ending a survivor of an earlier controller",
                metadata: ["process.id": "\(record.process)", "pid": "\(pid)"])
            watch.kill()
            return watch
        }
        for watch in watches { await awaitEnd(of: watch) }
        for record in records {
            do {
                try record.sweep(in: directory)
            } catch {
                logger.error(
                    "leftovers not removed", metadata: ["process.id": "\(record.process)", "error": "\(error)"])
            }
        }
        // Whatever is left there is of earlier epochs, also where its record was lost.
        directory.removeProcessFiles(logger: logger)
    }

    /// A process that no record names has dialled in: its controller died between the fork and the note of it, or its
    /// zygote forked it when nobody waited for it any more.
    func endUnknown(_ hello: Hello) {
        guard hello.epoch <= epoch, hello.process.wholeMatch(of: /p-[0-9]+/) != nil,
            let watch = ProcessWatch.open(pid: hello.pid)
        else { return }
        logger.notice(
            "ending a process that nobody knows",
            metadata: ["process.id": "\(hello.process)", "pid": "\(hello.pid)"])
        watch.kill()
        let folder = directory.temporaryDirectory(of: ProcessID(hello.process), epoch: hello.epoch)
        jobs.start {
            await self.awaitEnd(of: watch)
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    /// A killed process that does not end within this is stuck in the kernel; nothing more can be done about it.
    private func awaitEnd(of watch: ProcessWatch) async {
        await withTaskGroup { group in
            group.addTask { _ = await watch.waitForEnd() }
            group.addTask { try? await Task.sleep(for: .seconds(10)) }
            await group.next()
            group.cancelAll()
        }
        _ = watch.reap()
    }
}
