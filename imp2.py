import sys
import semreg.cli.main, semreg.running.start
extra=sys.argv[1].split(",") if sys.argv[1] else []
for e in extra: __import__(e)
before=set(sys.modules)
sys.argv=["semreg","run","vae_digits","--set","phases.main.epochs=1","--seed",sys.argv[2],"--threads","1","--device","cpu","--out","/tmp/try/r2"]
import runpy,time
t=time.process_time()
try: runpy.run_module("semreg",run_name="__main__")
except SystemExit: pass
print("cpu",time.process_time()-t)
new=set(sys.modules)-before
print(sorted(n for n in new if n.startswith("semreg")))
print(sorted(n for n in new if n.startswith("torch"))[:60])
print(sorted({n.split(".")[0] for n in new}))
